/**
 * Subscriptions to traps: who may (IBTA vol. 1 o13-14.1.1, C15-0.2-1.16, with OpenSM's statuses).
 */

import { gidGuid } from "../wire/gid.ts";
import { MadStatus } from "../wire/mad.ts";
import { INFORM_ANY, InformInfo } from "../wire/sa/inform_info.ts";
import type { Answer } from "./answer.ts";
import { sharePartition } from "./join.ts";
import type { EndPoint, SubnetPort } from "./ports.ts";
import { SaRefusal } from "./refusal.ts";
import type { Subnet } from "./subnet.ts";
import type { TrapForwarder } from "./traps.ts";

/** Subscriptions of one port. */
const MAX_SUBSCRIPTIONS = 64;
/** Traps about bad keys, which are told to the trusted only. */
const FIRST_SECURITY_TRAP = 256;
const LAST_SECURITY_TRAP = 259;

/**
 * Set(InformInfo).
 *
 * @throws SaRefusal
 */
export function setInformInfo(
  subnet: Subnet,
  traps: TrapForwarder,
  requester: SubnetPort,
  data: Uint8Array,
  trusted: boolean,
): Answer {
  const info = InformInfo.parse(data)!;
  const refuse = (reason: string, answer?: Uint8Array) => {
    throw new SaRefusal(MadStatus.RequestInvalid, reason, answer);
  };
  const subscribe = data[InformInfo.SUBSCRIBE]!;
  if (subscribe > 1) refuse(`Subscribe is ${subscribe}`);
  if (
    !trusted && info.isGeneric && info.trapNumber >= FIRST_SECURITY_TRAP &&
    info.trapNumber <= LAST_SECURITY_TRAP
  ) refuse(`trap ${info.trapNumber} is not for everybody`);
  const unsubscribed = data.slice();
  unsubscribed[InformInfo.SUBSCRIBE] = 0;
  const obstacle = info.subscribe && outOfReach(subnet, requester, info);
  if (obstacle) refuse(obstacle, unsubscribed);
  if (info.subscribe && traps.countOf(requester) >= MAX_SUBSCRIPTIONS) {
    throw new SaRefusal(
      MadStatus.NoResources,
      `the port has ${MAX_SUBSCRIPTIONS} subscriptions already`,
      unsubscribed,
    );
  }
  if (!traps.inform(requester, info)) {
    refuse(
      `there is no subscription to trap ${info.trapNumber} to cancel`,
      unsubscribed,
    );
  }
  return {
    records: [data.slice(0, InformInfo.LENGTH)],
    stride: InformInfo.LENGTH & ~7,
  };
}

/** Why the requester may not hear of the sources that it names. */
function outOfReach(
  subnet: Subnet,
  requester: SubnetPort,
  { gid, lidRangeBegin, lidRangeEnd }: InformInfo,
): string | undefined {
  const all = subnet.endPoints;
  const apart = (port: EndPoint) =>
    port.guid !== requester.guid && !sharePartition(port, requester);
  if (gid.some((byte) => byte !== 0)) {
    const port = all.find(({ guid }) => guid === gidGuid(gid));
    if (port === undefined) return "the GID is not a known port's";
    return apart(port)
      ? "it shares no partition with the GID's port"
      : undefined;
  }
  if (lidRangeBegin === INFORM_ANY) return undefined;
  if (lidRangeBegin > Math.max(...all.map(({ lid }) => lid))) {
    return `no port has LID ${lidRangeBegin} or more`;
  }
  const end = lidRangeEnd || lidRangeBegin;
  return all.some((port) =>
      port.lid >= lidRangeBegin && port.lid <= end && apart(port)
    )
    ? "it shares no partition with a port of the LID range"
    : undefined;
}
