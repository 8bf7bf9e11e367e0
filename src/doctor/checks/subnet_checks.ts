/** Checks of an embedded subnet: its manager, its ports, and injected faults. */

import { hex } from "../../base/hex.ts";
import { formatPid } from "../../base/units.ts";
import type { FaultRecord, SubnetRecord } from "../../ipc/schema.ts";
import type { SubnetFacts } from "../facts.ts";
import {
  type Check,
  failure,
  type Finding,
  ok,
  refusedUser,
  skipped,
  warning,
} from "../finding.ts";

export const subnetChecks: readonly Check<SubnetFacts>[] = [
  { name: "manager", run: manager },
  { name: "ports", run: ports },
  { name: "faults", run: faults },
];

function manager(
  { name, record, refusal, stoppedPids }: SubnetFacts,
): Finding {
  if (refusal) return refusedUser(refusal);
  if (!("value" in record)) {
    return failure(
      record.why,
      `while it is gone, joins and path queries fail; another process takes over within seconds: ipoib subnet show ${name}`,
    );
  }
  const { manager, ports, partitions, dropped = {} } = record.value;
  const text = `run by ${manager.name}, ${formatPid(manager.pid)}`;
  const counts = Object.entries(dropped).map(([reason, n]) => `${reason} ${n}`);
  const details = [
    `${ports.length} ports, ${partitions.length} partitions`,
    ...counts.length === 0 ? [] : [`dropped: ${counts.join(", ")}`],
  ];
  return stoppedPids.includes(manager.pid)
    ? failure(
      `${text}, which is stopped`,
      `kill -CONT ${manager.pid}`,
      details,
    )
    : ok(text, details);
}

function ports({ name, record, refusal, stoppedPids }: SubnetFacts) {
  if (!("value" in record)) return skipped(unansweredReason(refusal));
  const { ports } = record.value;
  const found = ports.flatMap((port): Finding[] => {
    const label = `${port.name} lid ${hex(port.lid)}`;
    if (port.state === "down") {
      return [
        warning(
          `port ${label} is down`,
          `ipoib subnet fault ${name} port ${hex(port.lid)} up`,
        ),
      ];
    }
    return stoppedPids.includes(port.pid)
      ? [
        failure(
          `the process of port ${label} is stopped: it receives nothing`,
          `kill -CONT ${port.pid}`,
        ),
      ]
      : [];
  });
  if (found.length > 0) return found;
  const unseen = ports.filter(({ pid }) => pid === 0).length;
  return ok(
    unseen === 0
      ? `${ports.length}, none is down or stopped`
      : `${ports.length}, none is down; ${unseen} run in other PID namespaces, and may be stopped`,
    ports.map(({ name, lid, pid, state }) =>
      `${name} lid ${hex(lid)} ${formatPid(pid)} ${state}`
    ),
  );
}

function faults({ name, record, refusal, faults }: SubnetFacts) {
  if (!("value" in record)) return skipped(unansweredReason(refusal));
  if (!("value" in faults)) return skipped(faults.why);
  const { rules, waiting } = faults.value;
  if (rules.length === 0) return ok("none injected");
  const found = rules.map((rule) =>
    warning(
      `a fault ${effects(rule).join(", ")} (${
        whose(rule, record.value.ports)
      })`,
      `ipoib subnet fault ${name} show prints it, ipoib subnet fault ${name} clear removes it`,
    )
  );
  return waiting.length === 0 ? found : [
    ...found,
    warning(
      `${
        waiting.map((port) => port.name).join(", ")
      } has not applied the faults`,
      "its process is stopped or overloaded",
    ),
  ];
}

function unansweredReason(refusal: SubnetFacts["refusal"]): string {
  return refusal
    ? "the manager refuses this user"
    : "the manager does not answer";
}

type Rule = FaultRecord["rules"][number];

/** Returns what a rule does, as verbs with their objects. */
function effects(rule: Rule): string[] {
  const { drop, delay, jitter, duplicate, reorder, rate } = rule;
  const share = (verb: string, percent: number | undefined) =>
    percent === undefined ? [] : [`${verb} ${percent} % of the packets`];
  const spread = jitter === undefined ? "" : ` +- ${jitter} ms`;
  const found = [
    ...share("drops", drop),
    ...delay === undefined ? [] : [`delays packets by ${delay} ms${spread}`],
    ...share("duplicates", duplicate),
    ...share("reorders", reorder),
    ...rate === undefined ? [] : [`limits packets to ${rate} Mbit/s`],
  ];
  return found.length === 0 ? ["has no effect"] : found;
}

function whose({ port }: Rule, ports: SubnetRecord["ports"]): string {
  if (port === undefined) return "all ports";
  const found = ports.find(({ guid }) => guid === port);
  return found ? `port ${found.name} lid ${hex(found.lid)}` : `port ${port}`;
}
