/**
 * The record of one interface: what `ip -d -s -j link` has for an ipoib device under iproute2's own names, then ours.
 * Members that have no value in some state are optional.
 */

import * as v from "valibot";
import { count, counters, u16, u32 } from "./fields.ts";

/** Kernel statistics with the driver's semantics (Linux ipoib: tx_bytes has the 4-byte header, rx_bytes not). */
export const Stats64Schema = v.object({
  rx: v.object({
    bytes: count,
    packets: count,
    errors: count,
    dropped: count,
    over_errors: count,
    /** Multicast receives; broadcasts are not among them. */
    multicast: count,
  }),
  tx: v.object({
    bytes: count,
    packets: count,
    errors: count,
    dropped: count,
    carrier_errors: count,
    collisions: count,
  }),
});
export type Stats64 = v.InferOutput<typeof Stats64Schema>;

/** Where the MTU of an interface comes from; all in bytes of an IP packet. */
const MtuChainSchema = v.object({
  /** IB MTU of the port less 4. */
  port: count,
  /** IB MTU of the broadcast group less 4; absent until it is joined. */
  group: v.exactOptional(count),
  /** What the administrator asked for, if anything. */
  admin: v.exactOptional(count),
  /** What the kernel's device has. */
  device: count,
  /** The smallest, which rules. */
  binding: v.picklist(["port", "group", "admin", "device"]),
});
export type MtuChain = v.InferOutput<typeof MtuChainSchema>;

/** The port of the host channel adapter under an interface. */
const HcaRecordSchema = v.object({
  /** `soft:default`, `mlx5_0`. */
  device: v.string(),
  port: count,
  link_layer: v.picklist(["infiniband", "ethernet"]),
  /** `0x` and 16 digits. */
  guid: v.string(),
  lid: u16,
  sm_lid: u16,
  /** `ACTIVE`, `INIT`, `DOWN`, ... */
  port_state: v.string(),
  phys_state: v.string(),
  /** Lanes times their speed, in megabits per second. */
  rate_mbps: count,
  /** Lanes: 1, 2, 4, 8 or 12. */
  width: count,
  lane_mbps: count,
  /** Of the soft HCA. */
  subnet: v.exactOptional(v.string()),
});
export type HcaRecord = v.InferOutput<typeof HcaRecordSchema>;

/** {@linkcode LinkRecord.state} of an interface that carries traffic; any other text is the reason it waits for. */
export const RUNNING = "running";

export const LinkRecordSchema = v.object({
  ifindex: u32,
  ifname: v.string(),
  /** The parent of a child. */
  link: v.exactOptional(v.string()),
  /** `BROADCAST`, `MULTICAST`, `UP`, `LOWER_UP`, `NO-CARRIER`: as iproute2 spells and orders them. */
  flags: v.array(v.string()),
  mtu: u32,
  /** `UP` or `DOWN`. */
  operstate: v.string(),
  link_type: v.literal("infiniband"),
  /** 20 bytes. */
  address: v.string(),
  /** 20 bytes. */
  broadcast: v.string(),
  promiscuity: count,
  allmulti: count,
  min_mtu: count,
  max_mtu: count,
  linkinfo: v.object({
    info_kind: v.literal("ipoib"),
    info_data: v.object({
      /** The P_Key, `0xffff`: named so by iproute2. */
      key: v.string(),
      mode: v.picklist(["datagram", "connected"]),
      /** `0000` or `0001`. */
      umcast: v.string(),
    }),
  }),
  stats64: Stats64Schema,

  pkey: v.string(),
  /** Position in the port's P_Key table; absent while the key is not in it. */
  pkey_index: v.exactOptional(count),
  qpn: count,
  gid: v.string(),
  hca: HcaRecordSchema,
  mtu_chain: MtuChainSchema,
  /** Where next hops of routed packets come from: "program", or "routes" and why. */
  next_hops: v.string(),
  /** {@linkcode RUNNING}, or a clause: "waiting for the subnet manager". */
  state: v.string(),
  /** Packets dropped, by reason; a reason for which none was is not there. */
  drops: counters,
  /** Inode of the network namespace that the device is in. */
  namespace: count,
  /** Process that owns the interface. */
  pid: u32,
});
/** One interface, as `ipoib link show` prints it. */
export type LinkRecord = v.InferOutput<typeof LinkRecordSchema>;
