/** Facts of a host, an interface, a subnet and a peer without faults. Tests change some of them. */

// deno-lint-ignore-file camelcase -- the keys are those of the records

import type {
  HostFacts,
  InterfaceFacts,
  PeerFacts,
  SubnetFacts,
} from "../../src/doctor/facts.ts";
import type {
  AddressRecord,
  DoctorRecord,
  LinkRecord,
  McgRecord,
  SubnetRecord,
} from "../../src/ipc/schema.ts";
import * as records from "../ipc/records.ts";

export const host: HostFacts = {
  rights: { netAdmin: true, sysAdmin: true },
  tunErrno: 0,
  runtime: { path: "/run/ipoib", error: undefined, writable: true },
  devices: [{
    name: "mlx5_0",
    ports: [{ port: 1, linkLayer: "infiniband" }],
    fileProblems: [],
    provided: true,
  }],
  libraries: [
    {
      name: "libibverbs",
      path: "/usr/lib/x86_64-linux-gnu/libibverbs.so.1.14.44.0",
      package: "libibverbs1 ibverbs-providers",
    },
    {
      name: "libibumad",
      path: "/usr/lib/x86_64-linux-gnu/libibumad.so.3.2.44.0",
      package: "libibumad3",
    },
  ],
  lockableBytes: Infinity,
};

const PORT = {
  lid: 2,
  guid: records.link.hca.guid,
  name: "ib0",
  pid: 4711,
  pkeys: [0xffff],
  state: "active",
};

const record: SubnetRecord = {
  version: 1,
  subnetPrefix: "0xfe80000000000000",
  mtu: 2048,
  rateCode: 16,
  manager: { lid: 1, guid: "0x1", pid: 4711, host: "vm", name: "ib0" },
  ports: [PORT, {
    ...PORT,
    lid: 3,
    guid: "0x0002c90300000002",
    name: "ib1",
    pid: 4712,
  }],
  partitions: [],
  groups: [],
};

export const subnet: SubnetFacts = {
  name: "default",
  refusal: undefined,
  record: { value: record },
  faults: { value: { version: 0, rules: [], waiting: [] } },
  stoppedPids: [],
};

function withPorts(
  attributes: Partial<SubnetRecord["ports"][number]>,
): SubnetFacts {
  const ports = record.ports.map((port) => ({ ...port, ...attributes }));
  return { ...subnet, record: { value: { ...record, ports } } };
}

/** The same, with all ports down. */
export const downSubnet = withPorts({ state: "down" });

/** The same, with the processes of all ports in other PID namespaces. */
export const unseenSubnet = withPorts({ pid: 0 });

const chain: LinkRecord["mtu_chain"] = {
  port: 2044,
  group: 2044,
  device: 2044,
  binding: "group",
};

/** On the embedded subnet. */
export const link: LinkRecord = {
  ...records.link,
  mtu_chain: chain,
  membership: "full",
  drops: {},
};

/** On a device. */
export const deviceLink: LinkRecord = (() => {
  const { subnet: _, ...hca } = link.hca;
  return { ...link, hca: { ...hca, device: "mlx5_0" } };
})();

export const broadcast: McgRecord = {
  mgid: "ff12:401b:ffff:0:0:0:ffff:ffff",
  dev: "ib0",
  created_ms: 1000,
  queuelen: 0,
  complete: true,
  send_only: false,
  join: "joined",
  attached: true,
  mlid: 0xc000,
  qkey: 0x0b1b,
  mtu: 2048,
  rate_mbps: 10_000,
  sl: 0,
};

export const group: NonNullable<DoctorRecord["broadcast"]> = {
  mgid: "ff12:401b:ffff::ffff:ffff",
  mlid: 0xc000,
  pkey: 0xffff,
  qkey: 0x0b1b,
  mtu: 2048,
  rate_code: 3,
  sl: 0,
  tclass: 0,
  flow_label: 0,
  hop_limit: 0,
};

export const doctorRecord: DoctorRecord = {
  ifname: "ib0",
  administrator: { reply_ms: 1 },
  broadcast_mgid: "ff12:401b:ffff::ffff:ffff",
  broadcast: group,
  port: { mtu: 2048, rate_code: 16, pkeys: [0xffff, 0x8001, 0, 0] },
  conflicts: [],
  neighbours: { entries: 2, limit: 2048 },
};

export const address: AddressRecord = {
  family: "inet",
  local: "10.0.0.1",
  prefixlen: 24,
  scope: "global",
  flags: [],
  valid_life_time: 4294967295,
  preferred_life_time: 4294967295,
};

const stats = {
  ifname: "ib0",
  stats64: records.link.stats64,
  drops: { tx_path_failed: 2, tx_device_queue: 0, rx_malformed: 0, tx_odd: 0 },
  counters: { port_rcv_no_buffer: 7, hca_out_of_buffer: 3, tx_frames: 100 },
};

/** An interface on the embedded subnet. */
export const iface: InterfaceFacts = {
  link,
  ownVersion: "0.1.0",
  doctor: { value: doctorRecord },
  groups: { value: [broadcast] },
  addresses: { value: [address] },
  namespace: {
    value: {
      sysctls: {
        "all.rp_filter": "0",
        "ib0.rp_filter": "0",
        "all.arp_ignore": "0",
        "ib0.arp_ignore": "0",
        "all.arp_filter": "0",
        "ib0.arp_filter": "0",
        "disable_ipv6": "0",
      },
      addresses: [
        { device: "ib0", address: "10.0.0.1", cidr: "10.0.0.1/24" },
        { device: "eth0", address: "10.0.1.1", cidr: "10.0.1.1/24" },
      ],
    },
  },
  holders: [],
  counters: { value: { before: stats, after: stats, seconds: 1 } },
};

/** Returns the facts of an interface whose counter has grown. */
export function grown(name: string, by: number): InterfaceFacts {
  const kind = name in stats.drops ? "drops" : "counters";
  const values: Record<string, number> = stats[kind];
  const after = {
    ...stats,
    [kind]: { ...values, [name]: (values[name] ?? 0) + by },
  };
  return {
    ...iface,
    counters: { value: { before: stats, after, seconds: 1 } },
  };
}

const LLADDR = "80:00:00:49:fe:80:00:00:00:00:00:00:00:02:c9:03:00:00:00:02";
const GID = "fe80:0:0:0:2:c903:0:2";

export const peer: PeerFacts = {
  peer: "10.0.0.2",
  link,
  route: { value: { type: "unicast", next_hops: ["10.0.0.2"] } },
  source: { value: "10.0.0.1" },
  elsewhere: { value: false },
  ownAddresses: { value: [address] },
  small: {
    value: { length: 84, sent: 1, answered: true, rttMs: 0.3, errno: 0 },
  },
  full: {
    value: { length: 2044, sent: 1, answered: true, rttMs: 0.4, errno: 0 },
  },
  neighbours: {
    value: [{
      ...records.neighbours[0]!,
      dst: "10.0.0.2",
      lladdr: LLADDR,
      gid: GID,
      state: ["REACHABLE"],
    }],
  },
  paths: {
    value: [{
      gid: GID,
      dev: "ib0",
      complete: true,
      dlid: 3,
      sl: 0,
      rate_mbps: 100_000,
      mtu: 2048,
      hoplimit: 0,
      queued: 0,
    }],
  },
  subnet,
};
