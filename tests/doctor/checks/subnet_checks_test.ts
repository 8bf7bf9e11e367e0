/** The checks of an embedded subnet. */

import { subnetChecks } from "../../../src/doctor/checks/subnet_checks.ts";
import type { SubnetFacts } from "../../../src/doctor/facts.ts";
import { testChecks } from "../check_cases.ts";
import { downSubnet, subnet, unseenSubnet } from "../facts.ts";

const faulty = (
  rule: Partial<{ port: string; drop: number; delay: number; rate: number }>,
): SubnetFacts => ({
  ...subnet,
  faults: { value: { version: 1, rules: [{ seed: 1, ...rule }], waiting: [] } },
});

/** A subnet whose manager this user may not ask. */
const REFUSED: SubnetFacts = {
  ...subnet,
  refusal: { message: "denied", hint: "ask root" },
  record: { why: "denied" },
  faults: { why: "denied" },
};

testChecks(subnetChecks, subnet, {
  manager: [
    [
      { ...subnet, record: { why: "the manager is not running" } },
      "failure",
      "the manager is not running",
    ],
    [REFUSED, "warning", "denied -> ask root"],
    [{ ...subnet, stoppedPids: [4711] }, "failure", "kill -CONT 4711"],
  ],
  ports: [
    [REFUSED, "skipped", "the manager refuses this user"],
    [
      downSubnet,
      "warning",
      "ipoib subnet fault default port 0x0002 up",
    ],
    [{ ...subnet, stoppedPids: [4712] }, "failure", "kill -CONT 4712"],
    [unseenSubnet, "ok", "2, none is down; 2 run in other PID namespaces"],
  ],
  faults: [
    [REFUSED, "skipped", "the manager refuses this user"],
    [
      faulty({ drop: 20 }),
      "warning",
      "a fault drops 20 % of the packets (all ports) -> ipoib subnet fault default show prints it, ipoib subnet fault default clear removes it",
    ],
    [
      faulty({ port: "0x0002c90300000002", delay: 10, rate: 100 }),
      "warning",
      "a fault delays packets by 10 ms, limits packets to 100 Mbit/s (port ib1",
    ],
  ],
});
