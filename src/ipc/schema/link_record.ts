/**
 * Record of one interface: the members that `ip -d -s -j link` prints for an ipoib device, under their iproute2 names,
 * then members of this program. Members without a value in some state are optional.
 */

import * as v from "valibot";
import { builtLater, count, counters, u16, u32 } from "./fields.ts";

/** Statistics as ib_ipoib counts them: tx bytes include the 4-byte IPoIB header, rx bytes do not. */
export const Stats64Schema = builtLater(() =>
  v.object({
    rx: v.object({
      bytes: count,
      packets: count,
      errors: count,
      dropped: count,
      over_errors: count,
      /** Received multicast packets, without broadcasts. */
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
  })
);
export type Stats64 = v.InferOutput<typeof Stats64Schema>;

/** The limits that determine the MTU of an interface, in bytes of an IP packet. */
const MtuChainSchema = builtLater(() =>
  v.object({
    /** IB MTU of the port minus 4. */
    port: count,
    /** IB MTU of the broadcast group minus 4; absent until the group is joined. */
    group: v.exactOptional(count),
    /** MTU set by the administrator, if any. */
    admin: v.exactOptional(count),
    /** The last MTU that was set on the kernel's device, if it was refused and set back. */
    refused: v.exactOptional(count),
    /** MTU of the kernel's device. */
    device: count,
    /** The limit that determines the MTU. */
    binding: v.picklist(["port", "group", "mode", "admin", "device"]),
  })
);
export type MtuChain = v.InferOutput<typeof MtuChainSchema>;

/** The HCA port of an interface. */
const HcaRecordSchema = builtLater(() =>
  v.object({
    /** `soft:default`, `mlx5_0`. */
    device: v.string(),
    port: count,
    link_layer: v.picklist(["infiniband", "ethernet"]),
    /** Port GUID: `0x` and 16 hexadecimal digits. */
    guid: v.string(),
    lid: u16,
    sm_lid: u16,
    /** Why the device is lost, while the interface waits for it; otherwise absent. */
    lost: v.exactOptional(v.string()),
    /** `ACTIVE`, `INIT`, `DOWN`, ... */
    port_state: v.string(),
    phys_state: v.string(),
    /** Rate of the link, in megabits per second. */
    rate_mbps: count,
    /** Number of lanes: 1, 2, 4, 8 or 12. */
    width: count,
    /** Rate of one lane, in megabits per second. */
    lane_mbps: count,
    /** Name of the embedded subnet; absent for verbs devices. */
    subnet: v.exactOptional(v.string()),
  })
);
export type HcaRecord = v.InferOutput<typeof HcaRecordSchema>;

/** {@linkcode LinkRecord.state} of an interface that is ready. Any other state describes the missing condition. */
export const RUNNING = "running";

export const LinkRecordSchema = builtLater(() =>
  v.object({
    ifindex: u32,
    ifname: v.string(),
    /** Name of the parent; absent for a parent. */
    link: v.exactOptional(v.string()),
    /** `NO-CARRIER`, `BROADCAST`, `MULTICAST`, `UP`, `LOWER_UP`, ..., in the spelling and order of iproute2. */
    flags: v.array(v.string()),
    mtu: u32,
    qdisc: v.string(),
    /** `UP`, `DOWN`, `DORMANT`, or `LOWERLAYERDOWN` for a child whose parent has no carrier. */
    operstate: v.string(),
    /** `DEFAULT` or `DORMANT`. */
    linkmode: v.string(),
    /** `default`, or the number of the group. */
    group: v.string(),
    txqlen: count,
    ifalias: v.exactOptional(v.string()),
    /** Absent while IPv6 is disabled on the device. */
    inet6_addr_gen_mode: v.exactOptional(v.string()),
    link_type: v.literal("infiniband"),
    /** 20 bytes. */
    address: v.string(),
    /** 20 bytes. */
    broadcast: v.string(),
    promiscuity: count,
    allmulti: count,
    min_mtu: count,
    max_mtu: count,
    num_tx_queues: v.exactOptional(count),
    num_rx_queues: v.exactOptional(count),
    gso_max_size: v.exactOptional(count),
    gso_max_segs: v.exactOptional(count),
    tso_max_size: v.exactOptional(count),
    tso_max_segs: v.exactOptional(count),
    gro_max_size: v.exactOptional(count),
    linkinfo: v.object({
      info_kind: v.literal("ipoib"),
      info_data: v.object({
        /** The P_Key, under its iproute2 name: `0xffff`. */
        key: v.string(),
        mode: v.picklist(["datagram", "connected"]),
        /** `0000` or `0001`. */
        umcast: v.string(),
      }),
    }),
    stats64: Stats64Schema,

    pkey: v.string(),
    /** Index of the P_Key in the port's table; absent while the table does not contain it. */
    pkey_index: v.exactOptional(count),
    /** Membership of the port in the partition; absent as `pkey_index`. */
    membership: v.exactOptional(v.picklist(["full", "limited"])),
    /** Destinations that a limited member does not reach, and why; absent if there are none. */
    unreached: v.exactOptional(
      v.array(v.object({ destination: v.string(), reason: v.string() })),
    ),
    qpn: count,
    gid: v.string(),
    hca: HcaRecordSchema,
    mtu_chain: MtuChainSchema,
    /** Number of connections to and from other hosts; absent if the port has no connection management. */
    connections: v.exactOptional(v.object({ active: count, passive: count })),
    /** Why the port has no connection management; absent if it has. */
    no_connections: v.exactOptional(v.string()),
    /** Source of next hops: "program" (eBPF), or "routes" with the reason if there is one. */
    next_hops: v.string(),
    /** {@linkcode RUNNING}, or the missing condition: "waiting for the subnet manager". */
    state: v.string(),
    /** Why the membership in the broadcast group is in doubt; absent if it is not, and unless the state is {@linkcode RUNNING}. */
    membership_in_doubt: v.exactOptional(v.string()),
    /** Number of dropped packets by reason, without reasons of zero packets. */
    drops: counters,
    /** Inode of the network namespace of the device. */
    namespace: count,
    /** PID of the process that owns the interface. */
    pid: u32,
    /** Where the log of this process goes: `journal`, `stderr`, or the path of a file. */
    log: v.exactOptional(v.string()),
    /** Minimum level of the log of the interface. */
    log_level: v.exactOptional(v.string()),
    /** Version of this process. */
    version: v.exactOptional(v.string()),
  })
);
/** One interface, as `ipoib link show` prints it. */
export type LinkRecord = v.InferOutput<typeof LinkRecordSchema>;
