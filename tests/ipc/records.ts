/** Example records of the daemon, for the tests of ipc and cli. */
// deno-lint-ignore-file camelcase -- the keys are iproute2's

import type {
  AddressRecord,
  ChildRecord,
  LinkRecord,
  MaddrRecord,
  McgRecord,
  NeighRecord,
  ParamRecord,
  PathRecord,
  StatsRecord,
  SubnetRecord,
} from "../../src/ipc/schema.ts";

const GUID = "0x0002c90300000001";

export const link: LinkRecord = {
  ifindex: 4,
  ifname: "ib0",
  flags: ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"],
  mtu: 2044,
  qdisc: "fq_codel",
  operstate: "UP",
  linkmode: "DEFAULT",
  group: "default",
  txqlen: 1000,
  inet6_addr_gen_mode: "eui64",
  link_type: "infiniband",
  address: "00:00:00:48:fe:80:00:00:00:00:00:00:00:02:c9:03:00:00:00:01",
  broadcast: "00:ff:ff:ff:ff:12:40:1b:ff:ff:00:00:00:00:00:00:ff:ff:ff:ff",
  promiscuity: 0,
  allmulti: 0,
  min_mtu: 68,
  max_mtu: 65521,
  num_tx_queues: 1,
  num_rx_queues: 1,
  gso_max_size: 65536,
  gso_max_segs: 65535,
  tso_max_size: 65536,
  tso_max_segs: 65535,
  gro_max_size: 65536,
  linkinfo: {
    info_kind: "ipoib",
    info_data: { key: "0xffff", mode: "datagram", umcast: "0000" },
  },
  stats64: {
    rx: {
      bytes: 3193,
      packets: 29,
      errors: 0,
      dropped: 1,
      over_errors: 0,
      multicast: 7,
    },
    tx: {
      bytes: 123456789012,
      packets: 88888888,
      errors: 0,
      dropped: 2,
      carrier_errors: 0,
      collisions: 0,
    },
  },
  pkey: "0xffff",
  pkey_index: 0,
  qpn: 0x48,
  gid: "fe80:0:0:0:2:c903:0:1",
  hca: {
    device: "soft:default",
    port: 1,
    link_layer: "infiniband",
    guid: GUID,
    lid: 2,
    sm_lid: 1,
    port_state: "ACTIVE",
    phys_state: "LinkUp",
    rate_mbps: 100000,
    width: 4,
    lane_mbps: 25000,
    subnet: "default",
  },
  mtu_chain: { port: 4092, group: 2044, device: 2044, binding: "group" },
  next_hops: "program",
  state: "running",
  drops: { tx_path_failed: 2, tx_waiting_full: 1 },
  namespace: 4026531840,
  pid: 4711,
  version: "0.1.0",
};

/** A child whose P_Key is not in the port's table. */
export const childLink: LinkRecord = (() => {
  const { pkey_index: _, ...rest } = link;
  return {
    ...rest,
    ifindex: 5,
    ifname: "ib0.8003",
    link: "ib0",
    flags: ["NO-CARRIER", "BROADCAST", "MULTICAST", "UP"],
    operstate: "DOWN",
    linkinfo: {
      info_kind: "ipoib",
      info_data: { key: "0x8003", mode: "datagram", umcast: "0000" },
    },
    pkey: "0x8003",
    mtu_chain: { port: 4092, admin: 2000, device: 2000, binding: "admin" },
    mtu: 2000,
    state: "waiting for P_Key 0x8003 in the port's table",
    drops: {},
  };
})();

export const neighbours: NeighRecord[] = [
  {
    dst: "10.0.0.2",
    dev: "ib0",
    lladdr: "00:00:00:49:fe:80:00:00:00:00:00:00:00:02:c9:03:00:00:00:02",
    used: 3,
    confirmed: 2,
    updated: 2,
    probes: 1,
    state: ["REACHABLE"],
    qpn: 0x49,
    gid: "fe80:0:0:0:2:c903:0:2",
    queued: 0,
  },
  {
    dst: "10.0.0.9",
    dev: "ib0",
    used: 0,
    confirmed: 0,
    updated: 0,
    probes: 2,
    state: ["INCOMPLETE"],
    queued: 3,
  },
];

export const paths: PathRecord[] = [
  {
    gid: "fe80:0:0:0:2:c903:0:2",
    dev: "ib0",
    complete: true,
    dlid: 2,
    sl: 0,
    rate_mbps: 100000,
    mtu: 2048,
    hoplimit: 0,
    queued: 0,
  },
  {
    gid: "fe80:0:0:0:2:c903:0:3",
    dev: "ib0",
    complete: false,
    queued: 2,
    error: "status -110",
  },
];

export const groups: McgRecord[] = [
  {
    mgid: "ff12:401b:ffff:0:0:0:ffff:ffff",
    dev: "ib0",
    created_ms: 12_345,
    queuelen: 0,
    complete: true,
    send_only: false,
    join: "joined",
    attached: true,
    mlid: 0xc000,
    qkey: 0x0b1b,
    mtu: 2048,
    rate_mbps: 10000,
    sl: 0,
  },
  {
    mgid: "ff12:401b:ffff:0:0:0:f01:203",
    dev: "ib0",
    created_ms: 400,
    queuelen: 5,
    complete: false,
    send_only: true,
    join: "waiting",
    attached: false,
    retry_ms: 4000,
    error: "status -22",
    reason: "the group has Q_Key 0x00001234, the join requires 0x00000b1b",
  },
];

export const child: ChildRecord = {
  ifname: "ib0.8001",
  link: "ib0",
  ifindex: 5,
  pkey: "0x8001",
  operstate: "UP",
  state: "running",
};

export const stats: StatsRecord = {
  ifname: "ib0",
  stats64: link.stats64,
  drops: link.drops,
  counters: { tx_arp: 3, port_xmit_packets: 29 },
};

export const subnet: SubnetRecord = {
  version: 1,
  subnetPrefix: "0xfe80000000000000",
  mtu: 2048,
  rateCode: 16,
  manager: { lid: 1, guid: GUID, pid: 4711, host: "h1", name: "ib0" },
  ports: [
    {
      lid: 1,
      guid: GUID,
      name: "ib0",
      pid: 4711,
      pkeys: [0xffff, 0x8001],
      state: "active",
    },
    {
      lid: 2,
      guid: "0x0002c90300000002",
      name: "ib1",
      pid: 12,
      pkeys: [0xffff],
      state: "active",
    },
  ],
  partitions: [
    {
      name: "Default",
      pkey: 0x7fff,
      ipoib: true,
      members: [{ port: "ALL", membership: "full" }],
    },
  ],
  groups: [
    {
      mgid: "ff12:401b:ffff::ffff:ffff",
      mlid: 0xc000,
      pkey: 0xffff,
      qkey: 0x0b1b,
      mtu: 2048,
      rateCode: 3,
      sl: 0,
      permanent: true,
      members: [
        { lid: 1, guid: GUID, joinState: 1 },
        { lid: 2, guid: "0x0002c90300000002", joinState: 5 },
      ],
    },
  ],
};

export const params: ParamRecord[] = [
  { param: "recv_queue_size", value: 256, writable: false },
  { param: "debug_level", value: 1, writable: true },
];

export const addresses: AddressRecord[] = [
  {
    family: "inet",
    local: "10.0.0.1",
    prefixlen: 24,
    broadcast: "10.0.0.255",
    scope: "global",
    flags: [],
    label: "ib0",
    valid_life_time: 0xffffffff,
    preferred_life_time: 0xffffffff,
  },
  {
    family: "inet",
    local: "10.7.0.1",
    address: "10.7.0.2",
    prefixlen: 32,
    metric: 5,
    scope: "link",
    flags: ["secondary", "dynamic"],
    label: "ib0:x",
    valid_life_time: 90,
    preferred_life_time: 0,
  },
  {
    family: "inet6",
    local: "fe80::1",
    prefixlen: 64,
    scope: "link",
    flags: [],
    valid_life_time: 0xffffffff,
    preferred_life_time: 0xffffffff,
  },
];

export const maddrs: MaddrRecord[] = [{
  ifindex: 7,
  ifname: "ib0",
  maddr: [
    { family: "inet", address: "224.0.0.1" },
    { family: "inet6", address: "ff02::1" },
  ],
}];
