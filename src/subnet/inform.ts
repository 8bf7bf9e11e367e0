/**
 * Set(InformInfo): checks trap subscriptions and cancellations (IBTA vol. 1 o13-14.1.1, C15-0.2-1.16, with OpenSM's
 * statuses).
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

/** Maximum number of subscriptions of one port. */
const MAX_SUBSCRIPTIONS = 64;
/** Traps for key violations. A subscription to them requires the SM_Key. */
const FIRST_SECURITY_TRAP = 256;
const LAST_SECURITY_TRAP = 259;

/**
 * Handles Set(InformInfo).
 *
 * @param trusted the request has the SM_Key
 * @throws SaRefusal if Subscribe is invalid, the requester may not receive the Reports or has too many subscriptions,
 *   or the subscription to cancel does not exist.
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
  ) refuse(`trap ${info.trapNumber} requires the SM_Key`);
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
      `the port has no such subscription to trap ${info.trapNumber}`,
      unsubscribed,
    );
  }
  return {
    records: [data.slice(0, InformInfo.LENGTH)],
    stride: InformInfo.LENGTH & ~7,
  };
}

/** Returns the reason for which the requester may not subscribe to the sources that it names, or undefined. */
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
    if (port === undefined) return "no port has the GID";
    return apart(port)
      ? "it shares no partition with the port that has the GID"
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
