/** Records of neighbours, paths, multicast groups and memberships, parameters and child interfaces. */

import * as v from "valibot";
import { builtLater, count, u16, u32 } from "./fields.ts";

/** How packets to a peer are sent. */
const transport = {
  /** `rc` on a connection, `ud` as datagrams. */
  transport: v.exactOptional(v.picklist(["rc", "ud"])),
  /** State of the connection; absent in datagram mode, and for a peer that accepts none. */
  connection: v.exactOptional(
    v.picklist(["idle", "connecting", "paused", "established", "refused"]),
  ),
  /** QPN of the remote RC queue pair. */
  "rc_qpn": v.exactOptional(count),
  /** MTU of the connection, in bytes of an IP packet. */
  "rc_mtu": v.exactOptional(count),
  /** Milliseconds since the connection was established. */
  "rc_age_ms": v.exactOptional(count),
};
const TransportRecordSchema = v.object(transport);

/**
 * Traffic of a peer or a group since its entry was created. Bytes and packets are counted as in the statistics of the
 * interface. Absent in records of versions without these counters.
 */
const traffic = {
  "rx_packets": v.exactOptional(count),
  "rx_bytes": v.exactOptional(count),
  "tx_packets": v.exactOptional(count),
  "tx_bytes": v.exactOptional(count),
  /** Milliseconds since the last received packet; absent if there was none. */
  "seen_ms": v.exactOptional(v.pipe(v.number(), v.minValue(0))),
};
const TrafficRecordSchema = v.object(traffic);
export type TrafficRecord = v.InferOutput<typeof TrafficRecordSchema>;
export type TransportRecord = v.InferOutput<typeof TransportRecordSchema>;

/** A neighbour. The members up to `state` are those of `ip -s -j neigh`. */
export const NeighRecordSchema = builtLater(() =>
  v.object({
    /** IP address. */
    dst: v.string(),
    dev: v.string(),
    /** Link-layer address, 20 bytes; absent while unknown. */
    lladdr: v.exactOptional(v.string()),
    /** Seconds since the kernel's entry was used, confirmed and updated. */
    used: count,
    confirmed: count,
    updated: count,
    probes: count,
    /** `INCOMPLETE`, `REACHABLE`, `STALE`, `DELAY`, `PROBE`, `FAILED`, `PERMANENT`. */
    state: v.array(v.string()),
    /** QPN and GID of the link-layer address. */
    qpn: v.exactOptional(count),
    gid: v.exactOptional(v.string()),
    ...transport,
    /** Traffic of the link-layer address, which neighbours on one host share. Absent while the address is unknown. */
    ...traffic,
    /** Milliseconds from the kernel's last unicast probe of the link-layer address to the reply. */
    rtt_ms: v.exactOptional(v.pipe(v.number(), v.minValue(0))),
    /** All such times, in the buckets of `round_trips` of a figures record. */
    round_trips: v.exactOptional(v.object({
      counts: v.array(count),
      sum_seconds: v.pipe(v.number(), v.minValue(0)),
    })),
    /** Packets waiting for resolution. */
    queued: count,
  })
);
export type NeighRecord = v.InferOutput<typeof NeighRecordSchema>;

/** A path to a GID. The members from `dlid` to `hoplimit` are present only if the path is complete. */
export const PathRecordSchema = builtLater(() =>
  v.object({
    gid: v.string(),
    dev: v.string(),
    complete: v.boolean(),
    dlid: v.exactOptional(u16),
    sl: v.exactOptional(count),
    rate_mbps: v.exactOptional(count),
    /** IB MTU in bytes. */
    mtu: v.exactOptional(count),
    hoplimit: v.exactOptional(count),
    /** The peers on the path in connected mode; absent in datagram mode. */
    peers: v.exactOptional(v.array(v.object({
      /** QPN of the UD queue pair. */
      qpn: count,
      ...transport,
    }))),
    /** Packets waiting for the path record. */
    queued: count,
    /** Status of the last query if it failed. */
    error: v.exactOptional(v.string()),
  })
);
export type PathRecord = v.InferOutput<typeof PathRecordSchema>;

/**
 * A multicast group. `mgid`, `created_ms`, `queuelen`, `complete` and `send_only` correspond to the lines of the
 * debugfs file `IF_mcg`.
 */
export const McgRecordSchema = builtLater(() =>
  v.object({
    mgid: v.string(),
    dev: v.string(),
    /** Milliseconds since the entry was created. */
    created_ms: v.pipe(v.number(), v.minValue(0)),
    /** Packets waiting for the join. */
    queuelen: count,
    ...traffic,
    /** True while packets can be sent: the group is joined and, if the interface is a full member, attached. */
    complete: v.boolean(),
    send_only: v.boolean(),
    /** Progress of the join: `idle`, `joining`, `joined`, `waiting` (retries after `retry_ms`). */
    join: v.string(),
    /** True if the queue pair is attached. */
    attached: v.boolean(),
    /** MLID; absent, as the members up to `sl`, until the group was joined. */
    mlid: v.exactOptional(u16),
    qkey: v.exactOptional(u32),
    /** IB MTU in bytes. */
    mtu: v.exactOptional(count),
    rate_mbps: v.exactOptional(count),
    sl: v.exactOptional(count),
    /** Milliseconds until the next attempt to join. */
    retry_ms: v.exactOptional(v.number()),
    /** Status of the last join if it failed. */
    error: v.exactOptional(v.string()),
    /** Why the subnet administrator refused the last join, if it did: a sentence. */
    reason: v.exactOptional(v.string()),
  })
);
export type McgRecord = v.InferOutput<typeof McgRecordSchema>;

/** The kernel's IP multicast memberships on an interface, with the members of `ip -j maddr`. */
export const MaddrRecordSchema = builtLater(() =>
  v.object({
    ifindex: u32,
    ifname: v.string(),
    maddr: v.array(v.object({
      family: v.picklist(["inet", "inet6"]),
      address: v.string(),
    })),
  })
);
export type MaddrRecord = v.InferOutput<typeof MaddrRecordSchema>;

/** An address of an interface, with the members of `ip -j addr`. */
const AddressSchema = builtLater(() =>
  v.object({
    family: v.picklist(["inet", "inet6"]),
    local: v.string(),
    /** The other end of a point-to-point address. */
    address: v.exactOptional(v.string()),
    prefixlen: count,
    metric: v.exactOptional(u32),
    broadcast: v.exactOptional(v.string()),
    /** `global`, `link`, `host`, `site`, `nowhere`, or a number. */
    scope: v.string(),
    /** `secondary`, `dynamic`, `tentative` and others, in the order of iproute2. */
    flags: v.array(v.string()),
    label: v.exactOptional(v.string()),
    /** Seconds; 4294967295 for ever. */
    valid_life_time: u32,
    preferred_life_time: u32,
  })
);
export type AddressRecord = v.InferOutput<typeof AddressSchema>;

/** The IP addresses of an interface. */
export const AddressesRecordSchema = builtLater(() =>
  v.object({
    ifname: v.string(),
    addr_info: v.array(AddressSchema),
  })
);

/** Module parameters of ib_ipoib that can only be read. */
export const READ_ONLY_PARAMETERS = [
  "send_queue_size",
  "recv_queue_size",
] as const;
/** Module parameters of ib_ipoib that can be changed. */
export const WRITABLE_PARAMETERS = [
  "debug_level",
  "mcast_debug_level",
  "data_debug_level",
] as const;
/** Parameter of this program: the minimum level of the log, which can be changed. */
export const LOG_LEVEL = "log_level";

export const PARAMETERS = [
  ...READ_ONLY_PARAMETERS,
  ...WRITABLE_PARAMETERS,
  LOG_LEVEL,
] as const;

/** A module parameter of ib_ipoib, or {@linkcode LOG_LEVEL}, whose value is a word. */
export const ParamRecordSchema = builtLater(() =>
  v.object({
    param: v.string(),
    value: v.union([v.number(), v.string()]),
    /** False for a read-only parameter. */
    writable: v.boolean(),
  })
);
export type ParamRecord = v.InferOutput<typeof ParamRecordSchema>;

/** The sysfs attributes of an interface. Which of them an interface has depends on its kind. */
export const SYSFS_FILES = [
  "mode",
  "umcast",
  "pkey",
  "parent",
  "mtu",
  "dev_id",
  "dev_port",
  "create_child",
  "delete_child",
  "address",
  "broadcast",
  "addr_len",
] as const;

/** A sysfs attribute of an interface. */
export const FileRecordSchema = builtLater(() =>
  v.object({
    file: v.string(),
    /** Absent for an attribute that can only be written. */
    value: v.exactOptional(v.string()),
    writable: v.boolean(),
  })
);
export type FileRecord = v.InferOutput<typeof FileRecordSchema>;

/** A child interface. */
export const ChildRecordSchema = builtLater(() =>
  v.object({
    ifname: v.string(),
    /** Name of the parent. */
    link: v.string(),
    ifindex: u32,
    /** `legacy` for a child of `create_child`, `rtnl` for a child of `link add`. */
    kind: v.exactOptional(v.picklist(["legacy", "rtnl"])),
    /** P_Key with the full membership bit set. */
    pkey: v.string(),
    operstate: v.string(),
    /** As in a link record. */
    state: v.string(),
  })
);
export type ChildRecord = v.InferOutput<typeof ChildRecordSchema>;
