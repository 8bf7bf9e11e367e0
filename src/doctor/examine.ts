/** Runs the checks on the facts of a host, its interfaces, their subnets and a peer. */

import { counterChecks } from "./checks/counter_checks.ts";
import { groupChecks } from "./checks/group_checks.ts";
import { hostChecks } from "./checks/host_checks.ts";
import { networkChecks } from "./checks/network_checks.ts";
import { peerChecks } from "./checks/peer_checks.ts";
import { portChecks } from "./checks/port_checks.ts";
import { processChecks, stateChecks } from "./checks/process_checks.ts";
import { subnetChecks } from "./checks/subnet_checks.ts";
import type {
  AbsentInterface,
  HostFacts,
  InterfaceFacts,
  PeerFacts,
  SubnetFacts,
} from "./facts.ts";
import {
  type Check,
  failure,
  type Finding,
  refusedUser,
  skipped,
} from "./finding.ts";

/** A finding with the name of its check. */
export interface NamedFinding extends Finding {
  readonly check: string;
}

/** The checks of an interface, from the process to the counters. */
const interfaceChecks: readonly Check<InterfaceFacts>[] = [
  ...processChecks,
  ...portChecks,
  ...groupChecks,
  ...networkChecks,
  ...stateChecks,
  ...counterChecks,
];

/** Returns the findings about the host. */
export function examineHost(facts: HostFacts): NamedFinding[] {
  return findings(hostChecks, facts);
}

/** Returns the findings about an interface. */
export function examineInterface(
  facts: InterfaceFacts | AbsentInterface,
): NamedFinding[] {
  if ("link" in facts) return findings(interfaceChecks, facts);
  const { problem, denied } = facts;
  const finding = denied
    ? refusedUser(problem)
    : failure(problem.message, problem.hint ?? "see ps and the log");
  return [
    { check: "process", ...finding },
    {
      check: "other checks",
      ...skipped("they need the process of the interface"),
    },
  ];
}

/** Returns the findings about an embedded subnet. */
export function examineSubnet(facts: SubnetFacts): NamedFinding[] {
  return findings(subnetChecks, facts);
}

/** Returns the findings about a peer. */
export function examinePeer(facts: PeerFacts): NamedFinding[] {
  return findings(peerChecks, facts);
}

function findings<Facts>(
  checks: readonly Check<Facts>[],
  facts: Facts,
): NamedFinding[] {
  return checks.flatMap(({ name, run }) =>
    [run(facts) ?? []].flat().map((finding) => ({ check: name, ...finding }))
  );
}
