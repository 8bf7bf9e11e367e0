/** Checks of the process of an interface, and of the interface's own state. */

import { RUNNING } from "../../ipc/schema.ts";
import type { InterfaceFacts } from "../facts.ts";
import {
  type Check,
  failure,
  type Finding,
  ok,
  skipped,
  warning,
} from "../finding.ts";
import { broadcastGroup, noLink } from "../link.ts";

export const processChecks: readonly Check<InterfaceFacts>[] = [
  { name: "process", run: process },
  { name: "interface", run: upState },
];

/** Checks that depend on all others come last. */
export const stateChecks: readonly Check<InterfaceFacts>[] = [
  { name: "state", run: state },
];

function process(
  { link: { pid, version, ifname }, ownVersion }: InterfaceFacts,
): Finding {
  const text = `pid ${pid}, version ${version ?? "unknown"}`;
  return version === ownVersion ? ok(text) : warning(
    `${text}, this program has ${ownVersion}`,
    `ipoib upgrade ${ifname} replaces the process by one of this version, and its interfaces stay`,
  );
}

function upState({ link: { flags, ifname } }: InterfaceFacts): Finding {
  return flags.includes("UP") ? ok("up") : failure(
    `${ifname} is administratively down`,
    `ip link set ${ifname} up`,
  );
}

/** The state is a failure only if no other check explains it: a device that refuses a queue pair, for example. */
function state({ link, groups }: InterfaceFacts): Finding {
  const { state, membership_in_doubt: doubt } = link;
  if (state !== RUNNING) {
    const joins = "value" in groups &&
      broadcastGroup(link, groups.value) !== undefined;
    const cause = noLink(link) ??
      (joins ? "the broadcast group is not joined" : undefined);
    return cause === undefined
      ? failure(
        state,
        `the interface tries again; see ipoib events ${link.ifname}`,
      )
      : skipped(cause);
  }
  return doubt === undefined ? ok("running") : warning(
    `running, membership in doubt: ${doubt}`,
    "traffic goes on with the membership that the interface has; the join is repeated",
  );
}
