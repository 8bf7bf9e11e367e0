/** The checks of the subnet administrator and of the groups of an interface. */

import { groupChecks } from "../../../src/doctor/checks/group_checks.ts";
import type { DoctorRecord, McgRecord } from "../../../src/ipc/schema.ts";
import { testChecks } from "../check_cases.ts";
import * as facts from "../facts.ts";
import { grouped, linked, refused, reported } from "../interface_cases.ts";

const { iface } = facts;
const other: McgRecord = {
  ...facts.broadcast,
  mgid: "ff12:401b:ffff:0:0:0:f01:101",
  complete: false,
  error: "status -22",
  reason: "the group has Q_Key 0x00001234, the join requires 0x00000b1b",
};
const { reason: _____, ...unanswered } = { ...other, error: "status -110" };
const { administrator: _, broadcast: __, ...rest } = facts.doctorRecord;
const silent: DoctorRecord = { ...rest, administrator: { error: "no reply" } };

testChecks(groupChecks, iface, {
  SM: [
    [linked({}, { sm_lid: 0 }), "failure", "start a subnet manager"],
    [linked({}, { port_state: "DOWN" }), "skipped", "the port is DOWN"],
  ],
  administrator: [
    [{ ...iface, doctor: { value: silent } }, "failure", "another one takes"],
    [
      { ...iface, link: facts.deviceLink, doctor: { value: silent } },
      "failure",
      "is there a subnet manager at LID 0x0001",
    ],
    [
      {
        ...iface,
        doctor: {
          value: { ...silent, port: { ...silent.port, pkeys: [0x8001] } },
        },
      },
      "failure",
      "not in the default partition",
    ],
    [reported({ administrator: { reply_ms: 1500 } }), "warning", "1500 ms"],
    [{ ...iface, doctor: { why: "no reply" } }, "skipped", "no reply"],
  ],
  broadcast: [
    [refused, "failure", "has MTU 4096, the port has 2048"],
    [refused, "failure", "then ipoib subnet reload default"],
    [
      { ...refused, link: { ...refused.link, hca: facts.deviceLink.hca } },
      "failure",
      "partitions.conf of opensm",
    ],
    [{ ...refused, doctor: { value: silent } }, "failure", "must answer first"],
    [{ ...iface, groups: { value: [] } }, "skipped", "not joined: running"],
  ],
  "group MTU": [
    [grouped({ mtu: 4096 }), "failure", "4096, the port has 2048"],
    [
      { ...iface, doctor: { value: silent } },
      "skipped",
      "the administrator does not answer",
    ],
    [
      { ...iface, doctor: { value: { ...silent, administrator: {} } } },
      "skipped",
      "no such group",
    ],
  ],
  "group rate": [
    [
      grouped({ rate_code: 17 }),
      "failure",
      "200 Gb/sec, the port has 100 Gb/sec",
    ],
    [
      reported({ port: { mtu: 2048, pkeys: [] } }),
      "ok",
      "not comparable",
    ],
  ],
  "group Q_Key": [
    [
      grouped({ qkey: 0x1234 }),
      "failure",
      "0x00001234, the interface uses 0x00000b1b -> the group was created again: ip link set ib0 down; ip link set ib0 up",
    ],
  ],
  "group P_Key": [
    [
      grouped({ pkey: 0x8001 }),
      "failure",
      "0x8001, the interface has 0xffff",
    ],
  ],
  "group SL": [[grouped({ sl: 3 }), "failure", "3, the interface uses 0"]],
  "other groups": [
    [
      { ...iface, groups: { value: [facts.broadcast, other] } },
      "warning",
      "the group has Q_Key 0x00001234",
    ],
    [
      { ...iface, groups: { value: [facts.broadcast, unanswered] } },
      "warning",
      "the join is repeated",
    ],
    [
      {
        ...iface,
        groups: { value: [{ ...unanswered, send_only: true }] },
      },
      "ok",
      "none is refused",
    ],
  ],
});
