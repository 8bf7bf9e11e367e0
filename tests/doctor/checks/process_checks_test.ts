/** The checks of the process and of the state of an interface. */

import {
  processChecks,
  stateChecks,
} from "../../../src/doctor/checks/process_checks.ts";
import { testChecks } from "../check_cases.ts";
import { iface } from "../facts.ts";
import { linked, refused } from "../interface_cases.ts";

testChecks(processChecks, iface, {
  process: [[
    { ...iface, ownVersion: "0.2.0" },
    "warning",
    "this program has 0.2.0 -> ipoib upgrade ib0 ",
  ]],
  interface: [
    [linked({ flags: ["BROADCAST"] }), "failure", "ip link set ib0 up"],
  ],
});

testChecks(stateChecks, iface, {
  state: [
    [
      {
        ...linked({
          state: "the device refuses a queue pair: Cannot allocate memory",
        }),
        groups: { value: [] },
      },
      "failure",
      "the device refuses a queue pair",
    ],
    [
      linked({ membership_in_doubt: "the administrator does not answer" }),
      "warning",
      "membership in doubt",
    ],
    [refused, "skipped", "the broadcast group is not joined"],
    [linked({ state: "x" }, { port_state: "DOWN" }), "skipped", "DOWN"],
  ],
});
