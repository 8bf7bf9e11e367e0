/** The checks of the port of an interface. */

import { portChecks } from "../../../src/doctor/checks/port_checks.ts";
import { testChecks } from "../check_cases.ts";
import * as facts from "../facts.ts";
import { linked, onDevice, withoutIndex } from "../interface_cases.ts";

const { iface } = facts;

testChecks(portChecks, iface, {
  device: [
    [onDevice({}), "ok", "mlx5_0 is present"],
    [onDevice({ lost: "it was removed" }), "failure", "it was removed"],
  ],
  port: [
    [
      linked({}, { port_state: "DOWN", phys_state: "Polling" }),
      "failure",
      "ipoib subnet fault default port 0x0002c90300000001 up",
    ],
    [
      linked({}, { port_state: "INIT" }),
      "failure",
      "ipoib subnet show default",
    ],
    [
      onDevice({ port_state: "DOWN", phys_state: "Polling" }),
      "failure",
      "check the cable",
    ],
    [
      onDevice({ port_state: "DOWN", phys_state: "Disabled" }),
      "failure",
      "ibportstate",
    ],
    [onDevice({ port_state: "INIT" }), "failure", "start opensm"],
    [
      onDevice({ port_state: "DOWN", link_layer: "ethernet" }),
      "failure",
      "rdma link",
    ],
  ],
  LID: [
    [linked({}, { lid: 0 }), "failure", "ipoib subnet show default"],
    [onDevice({ lid: 0 }), "failure", "sminfo"],
    [onDevice({ port_state: "DOWN" }), "skipped", "the port is DOWN"],
  ],
  rate: [
    [
      onDevice({ width: 1, rate_mbps: 25_000 }),
      "warning",
      "25 Gb/sec, 1 lane of 25 Gb/sec",
    ],
    [onDevice({ port_state: "INIT" }), "skipped", "the port is INIT"],
  ],
  P_Key: [
    [
      { ...iface, link: withoutIndex(facts.link) },
      "failure",
      "ipoib subnet fault default port 0x0002c90300000001 pkeys",
    ],
    [
      { ...iface, link: withoutIndex(facts.link) },
      "failure",
      "(ipoib subnet reload default)",
    ],
    [
      { ...iface, link: withoutIndex(facts.deviceLink) },
      "failure",
      "partitions.conf of opensm",
    ],
  ],
  membership: [
    [
      linked({ membership: "limited" }),
      "warning",
      "reaches only full members",
    ],
  ],
});
