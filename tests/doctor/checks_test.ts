/** Every check passes on facts without faults, and is made to fail by facts of each fault that it looks for. */

// deno-lint-ignore-file camelcase -- the keys are those of the records

import { assertEquals, assertMatch } from "@std/assert";
import { counterChecks } from "../../src/doctor/checks/counter_checks.ts";
import { groupChecks } from "../../src/doctor/checks/group_checks.ts";
import { hostChecks } from "../../src/doctor/checks/host_checks.ts";
import { networkChecks } from "../../src/doctor/checks/network_checks.ts";
import { peerChecks } from "../../src/doctor/checks/peer_checks.ts";
import { portChecks } from "../../src/doctor/checks/port_checks.ts";
import {
  processChecks,
  stateChecks,
} from "../../src/doctor/checks/process_checks.ts";
import { subnetChecks } from "../../src/doctor/checks/subnet_checks.ts";
import type {
  DeviceFacts,
  EchoFacts,
  HostFacts,
  InterfaceFacts,
  NamespaceFacts,
  PeerFacts,
  SubnetFacts,
} from "../../src/doctor/facts.ts";
import type { Check, Finding, Status } from "../../src/doctor/finding.ts";
import type {
  AddressRecord,
  DoctorRecord,
  LinkRecord,
  McgRecord,
  NeighRecord,
  SubnetRecord,
} from "../../src/ipc/schema.ts";
import * as facts from "./facts.ts";

/** Facts with a fault, and what the check finds: its status, and a part of its text or remedy. */
type Case<F> = readonly [facts: F, status: Status, words: string];

type Cases<F> = Readonly<Record<string, readonly Case<F>[]>>;

/** Registers a test for each check. Every check must have a case that is neither ok nor skipped. */
function testChecks<F>(
  checks: readonly Check<F>[],
  healthy: F,
  cases: Cases<F>,
): void {
  for (const { name, run } of checks) {
    Deno.test(`doctor: ${name} is ok, and fails with the sentence that helps`, () => {
      for (const finding of list(run(healthy))) {
        assertEquals(finding.status, "ok", finding.text);
      }
      const some = cases[name] ?? [];
      const failing = some.filter(([, status]) =>
        status === "warning" || status === "failure"
      );
      assertEquals(failing.length > 0, true, `${name} has a failing case`);
      for (const [input, status, words] of some) {
        const [finding] = list(run(input));
        assertEquals(finding?.status, status, `${words}: ${finding?.text}`);
        const line = `${finding!.text} -> ${finding!.remedy}`;
        assertEquals(line.includes(words), true, `${words} in ${line}`);
        checkStyle(finding!);
      }
    });
  }
  Deno.test(`doctor: ${Object.keys(cases).join(", ")} are checks`, () => {
    assertEquals(
      Object.keys(cases).sort(),
      checks.map(({ name }) => name).sort(),
    );
  });
}

function list(found: ReturnType<Check<never>["run"]>): Finding[] {
  return [found ?? []].flat();
}

/** Warnings and failures have a remedy; texts are clauses without a final period. */
function checkStyle({ status, text, remedy }: Finding): void {
  assertEquals(remedy !== undefined, /warning|failure/.test(status), text);
  for (const each of [text, remedy ?? "x"]) assertMatch(each, /[^.\s]$/);
}

// The host --------------------------------------------------------------------------------------------------

const { host } = facts;
const [device] = host.devices as [DeviceFacts];
const without = (library: string): HostFacts => ({
  ...host,
  libraries: host.libraries.map((each) =>
    each.name === library ? { ...each, path: undefined } : each
  ),
});

testChecks(hostChecks, host, {
  rights: [
    [
      { ...host, rights: { netAdmin: false, sysAdmin: true } },
      "warning",
      "CAP_NET_ADMIN",
    ],
  ],
  tun: [
    [{ ...host, tunErrno: 2 }, "failure", "modprobe tun"],
    [{ ...host, tunErrno: 19 }, "failure", "no TUN driver"],
    [{ ...host, tunErrno: 13 }, "failure", "no permission to open"],
    [{ ...host, tunErrno: 16 }, "failure", "cannot be opened: "],
  ],
  runtime: [
    [
      {
        ...host,
        runtime: {
          path: "/run/ipoib",
          error: { message: `Directory "/run/ipoib" is a symbolic link` },
        },
      },
      "failure",
      "is a symbolic link",
    ],
  ],
  devices: [
    [{ ...host, devices: [] }, "ok", "no RDMA device"],
    [
      {
        ...host,
        devices: [{ ...device, ports: [{ port: 1, linkLayer: "ethernet" }] }],
      },
      "warning",
      "no InfiniBand port: mlx5_0/1 (ethernet)",
    ],
  ],
  "device files": [
    [
      {
        ...host,
        devices: [{
          ...device,
          fileProblems: [{
            message: "No device file /dev/infiniband/umadN exists for mlx5_0/1",
            hint: "load kernel module ib_umad",
          }],
        }],
      },
      "failure",
      "load kernel module ib_umad",
    ],
  ],
  libraries: [
    [without("libibverbs"), "failure", "apt install libibverbs1"],
    [without("libibumad"), "failure", "apt install libibumad3"],
    [{ ...without("libibumad"), devices: [] }, "ok", "only devices need them"],
  ],
  providers: [
    [
      { ...host, devices: [{ ...device, provided: false }] },
      "failure",
      "no provider for mlx5_0",
    ],
    [
      { ...host, devices: [{ ...device, provided: undefined }] },
      "skipped",
      "libibverbs cannot be loaded",
    ],
  ],
  "locked memory": [
    [
      { ...host, lockableBytes: 8 * 1024 * 1024 },
      "warning",
      "the limit is 8 MiB",
    ],
  ],
});

// An interface ----------------------------------------------------------------------------------------------

const { iface } = facts;

/** Returns the facts of an interface with another link record, and if `hca` is given with other members of its port. */
function linked(
  change: Partial<LinkRecord>,
  hca: Partial<LinkRecord["hca"]> = {},
  base = facts.link,
): InterfaceFacts {
  const link = { ...base, ...change, hca: { ...base.hca, ...hca } };
  return { ...iface, link };
}

/** The same on the port of a device. */
function onDevice(hca: Partial<LinkRecord["hca"]>): InterfaceFacts {
  return linked({}, hca, facts.deviceLink);
}

function reported(change: Partial<DoctorRecord>): InterfaceFacts {
  return { ...iface, doctor: { value: { ...facts.doctorRecord, ...change } } };
}

function grouped(change: Partial<typeof facts.group>): InterfaceFacts {
  return reported({ broadcast: { ...facts.group, ...change } });
}

function withoutIndex(link: LinkRecord): LinkRecord {
  const { pkey_index: _, ...rest } = link;
  return rest;
}

const refused: InterfaceFacts = {
  ...linked({
    state:
      "broadcast group ff12:401b:ffff::ffff:ffff has MTU 4096, the port has 2048",
  }),
  groups: {
    value: [{
      ...facts.broadcast,
      complete: false,
      error: "status -22",
      reason: "the group has MTU 4096, the port has 2048",
    }],
  },
};
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

testChecks(processChecks, iface, {
  process: [[{ ...iface, ownVersion: "0.2.0" }, "warning", "0.2.0"]],
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
    [linked({}, { port_state: "INIT" }), "failure", "ipoib subnet show"],
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
    [linked({}, { lid: 0 }), "failure", "ipoib subnet show"],
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
      "0x00001234, the interface uses 0x00000b1b",
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

function inNamespace(
  sysctls: NamespaceFacts["sysctls"],
  cidr = "10.0.1.1/24",
): InterfaceFacts {
  const { value } = iface.namespace as { value: NamespaceFacts };
  const [own, eth0] = value.addresses;
  return {
    ...iface,
    namespace: {
      value: {
        sysctls: { ...value.sysctls, ...sysctls },
        addresses: [own!, { ...eth0!, cidr }],
      },
    },
  };
}

const addressed = (change: Partial<AddressRecord>): InterfaceFacts => ({
  ...iface,
  addresses: { value: [{ ...facts.address, ...change }] },
});
const { linkinfo } = facts.link;
const connectedInfo = {
  ...linkinfo,
  info_data: { ...linkinfo.info_data, mode: "connected" as const },
};
const CM = "the kernel module ib_cm manages the connections of mlx5_0/1";

testChecks(networkChecks, iface, {
  MTU: [
    [
      linked({ mtu_chain: { ...facts.link.mtu_chain, refused: 9000 } }),
      "warning",
      "9000 was set and is refused",
    ],
    [
      linked({ mtu_chain: { ...facts.link.mtu_chain, admin: 4092 } }),
      "warning",
      "4092 was set",
    ],
  ],
  "next hops": [
    [
      linked({ next_hops: "routes (Cannot load the program: run as root)" }),
      "warning",
      "routes: Cannot load the program: run as root",
    ],
    [linked({ next_hops: "routes" }), "ok", "lookups"],
  ],
  "connected mode": [
    [linked({ no_connections: CM, linkinfo: connectedInfo }), "warning", CM],
    [linked({ no_connections: CM }), "ok", `not available: ${CM}`],
    [
      linked({
        linkinfo: connectedInfo,
        connections: { active: 2, passive: 1 },
      }),
      "ok",
      "2 to and 1 from other hosts",
    ],
  ],
  addresses: [
    [
      addressed({ flags: ["dadfailed"], local: "fe80::1" }),
      "failure",
      "duplicate address detection has refused fe80::1",
    ],
    [addressed({ scope: "link" }), "warning", "ip addr add"],
  ],
  duplicates: [
    [
      reported({
        conflicts: [{
          address: "10.0.0.1",
          lladdr: facts.link.address,
        }],
      }),
      "failure",
      "10.0.0.1 is also used by GID fe80:0:0:0:2:c903:0:1",
    ],
  ],
  neighbours: [
    [
      reported({ neighbours: { entries: 1900, limit: 2048 } }),
      "warning",
      "gc_thresh3",
    ],
  ],
  sysctls: [
    [inNamespace({}, "10.0.0.9/24"), "warning", "all.arp_ignore=1"],
    [
      inNamespace(
        { "all.arp_ignore": "1", "ib0.rp_filter": "1" },
        "10.0.0.9/24",
      ),
      "warning",
      "all.rp_filter=2",
    ],
    [inNamespace({ disable_ipv6: "1" }), "warning", "disable_ipv6=0"],
  ],
  "other users": [
    [
      {
        ...iface,
        holders: [{ name: "ib5", kind: "ib_ipoib", pkey: "0xffff" }],
      },
      "warning",
      "ib5 (ib_ipoib, 0xffff)",
    ],
    [
      { ...iface, holders: [{ name: "ib1", kind: "ipoib", pkey: "0x8001" }] },
      "ok",
      "ib1 (ipoib, 0x8001)",
    ],
  ],
});

testChecks(counterChecks, iface, {
  counters: [
    [
      facts.grown("tx_device_queue", 3),
      "warning",
      "overran (tx_device_queue +3)",
    ],
    [facts.grown("hca_out_of_buffer", 5), "failure", "ethtool -G ib0 rx 8192"],
    [facts.grown("port_rcv_no_buffer", 5), "failure", "no receive buffer"],
    [facts.grown("port_qkey_violations", 1), "failure", "another Q_Key"],
    [facts.grown("port_pkey_violations", 1), "failure", "their P_Key"],
    [facts.grown("port_fault_drop", 1), "warning", "ipoib subnet fault clear"],
    [facts.grown("hca_symbol_error", 1), "failure", "check the cable"],
    [facts.grown("tx_odd", 1), "warning", "packets were dropped (tx_odd +1)"],
    [
      {
        ...facts.grown("tx_device_queue", 3),
        link: { ...facts.link, state: "waiting for the port (down)" },
      },
      "warning",
      "while the link is down",
    ],
    [facts.grown("tx_frames", 10), "ok", "none of errors or drops grew"],
  ],
});

// An embedded subnet ----------------------------------------------------------------------------------------

const { subnet } = facts;
const { value: record } = subnet.record as { value: SubnetRecord };
const downSubnet: SubnetFacts = {
  ...subnet,
  record: {
    value: {
      ...record,
      ports: record.ports.map((port) => ({ ...port, state: "down" })),
    },
  },
};
const faulty = (
  rule: Partial<{ port: string; drop: number; delay: number; rate: number }>,
): SubnetFacts => ({
  ...subnet,
  faults: { value: { version: 1, rules: [{ seed: 1, ...rule }], waiting: [] } },
});

testChecks(subnetChecks, subnet, {
  manager: [
    [
      { ...subnet, record: { why: "the manager is not running" } },
      "failure",
      "the manager is not running",
    ],
    [{ ...subnet, stoppedPids: [4711] }, "failure", "kill -CONT 4711"],
  ],
  ports: [
    [
      downSubnet,
      "warning",
      "ipoib subnet fault default port 0x0002 up",
    ],
    [{ ...subnet, stoppedPids: [4712] }, "failure", "kill -CONT 4712"],
  ],
  faults: [
    [
      faulty({ drop: 20 }),
      "warning",
      "a fault drops 20 % of the packets (all ports)",
    ],
    [
      faulty({ port: "0x0002c90300000002", delay: 10, rate: 100 }),
      "warning",
      "a fault delays packets by 10 ms, limits packets to 100 Mbit/s (port ib1",
    ],
  ],
});

// A peer ----------------------------------------------------------------------------------------------------

const { peer } = facts;
const [entry] = (peer.neighbours as { value: NeighRecord[] }).value;
const { lladdr: ___, gid: ____, ...unresolved } = entry!;
const neighboured = (
  neighbour: NeighRecord,
  change: Partial<PeerFacts> = {},
): PeerFacts => ({ ...peer, neighbours: { value: [neighbour] }, ...change });
const echo = (change: Partial<EchoFacts>): { value: EchoFacts } => ({
  value: { ...(peer.small as { value: EchoFacts }).value, ...change },
});
const connectedLink = { ...facts.link, linkinfo: connectedInfo };

testChecks(peerChecks, peer, {
  route: [
    [
      { ...peer, route: { value: { type: "none", next_hops: [] } } },
      "failure",
      "ip route get 10.0.0.2",
    ],
    [{ ...peer, source: { value: undefined } }, "failure", "no route"],
    [{ ...peer, source: { value: "192.0.2.1" } }, "warning", "192.0.2.1"],
    [
      { ...peer, route: { value: { type: "multicast", next_hops: [] } } },
      "failure",
      "is a multicast address",
    ],
    [
      {
        ...peer,
        route: { value: { type: "unicast", next_hops: ["10.0.0.9"] } },
      },
      "ok",
      "through 10.0.0.9",
    ],
  ],
  neighbour: [
    [
      neighboured({ ...unresolved, state: ["INCOMPLETE"] }),
      "failure",
      "does not answer ARP",
    ],
    [
      neighboured({ ...entry!, state: ["FAILED"] }),
      "failure",
      "does not answer any more",
    ],
    [
      neighboured({ ...unresolved, state: ["FAILED"] }, {
        link: {
          ...facts.link,
          unreached: [{
            destination: "10.0.0.2",
            reason: "both ends are limited members of partition 0x8010",
          }],
        },
      }),
      "failure",
      "both ends are limited members",
    ],
    [
      neighboured({ ...unresolved, state: ["FAILED"] }, {
        subnet: { ...subnet, stoppedPids: [4712] },
      }),
      "failure",
      "kill -CONT 4712",
    ],
  ],
  "peer port": [
    [
      neighboured({ ...entry!, gid: "fe80:0:0:0:2:c903:0:9" }),
      "failure",
      "no port of subnet default has GUID 0x0002c90300000009",
    ],
    [
      { ...peer, subnet: { ...subnet, stoppedPids: [4712] } },
      "failure",
      "kill -CONT 4712",
    ],
    [
      { ...peer, subnet: downSubnet },
      "failure",
      "ipoib subnet fault default port 0x0003 up",
    ],
    [neighboured(unresolved), "skipped", "GID is unknown"],
  ],
  path: [
    [
      {
        ...peer,
        paths: {
          value: [{
            gid: entry!.gid!,
            dev: "ib0",
            complete: false,
            queued: 3,
            error: "status -22",
          }],
        },
      },
      "failure",
      "status -22",
    ],
    [
      neighboured({ ...unresolved, state: ["INCOMPLETE"] }),
      "skipped",
      "GID is unknown",
    ],
  ],
  connection: [
    [
      neighboured({ ...entry!, connection: "refused" }, {
        link: connectedLink,
      }),
      "warning",
      "refuses connections",
    ],
    [
      neighboured(entry!, { link: connectedLink }),
      "warning",
      "accepts no connections",
    ],
    [
      neighboured({ ...entry!, connection: "connecting" }, {
        link: connectedLink,
      }),
      "warning",
      "not established (connecting)",
    ],
    [
      neighboured({ ...entry!, connection: "established", rc_mtu: 65520 }, {
        link: connectedLink,
      }),
      "ok",
      "MTU 65520",
    ],
  ],
  ping: [
    [
      { ...peer, small: echo({ answered: false, errno: 113 }) },
      "failure",
      "was not answered: ",
    ],
    [{ ...peer, small: echo({ sent: 3 }) }, "warning", "at attempt 3"],
    [{ ...peer, small: { why: "cannot send" } }, "skipped", "cannot send"],
  ],
  "ping full size": [
    [
      { ...peer, full: echo({ length: 2044, answered: false }) },
      "failure",
      "2044 bytes was not answered, the small one was",
    ],
    [
      {
        ...peer,
        full: echo({ answered: false, errno: 90, pathMtu: 1500 }),
      },
      "warning",
      "the MTU of the path is 1500",
    ],
    [{ ...peer, full: echo({ sent: 2 }) }, "warning", "at attempt 2"],
    [
      { ...peer, small: echo({ answered: false }) },
      "skipped",
      "the small one was not answered",
    ],
  ],
});
