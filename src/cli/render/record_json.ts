/** Records as JSON: with details only with option `-d`, with statistics only with `-s`, as iproute2 prints them. */

import type {
  AddressRecord,
  McgRecord,
  NeighRecord,
  PathRecord,
} from "../../ipc/schema.ts";
import type { AddrRow } from "./addr_text.ts";
import type { LinkRow } from "./link_text.ts";
import type { Style } from "./style.ts";

/** Members of a record that need an option. A member of both lists needs one of the options. */
interface Members<T> {
  readonly details: readonly MemberOf<T>[];
  readonly stats: readonly MemberOf<T>[];
  /** All members with `-br`, if it has an effect. */
  readonly brief?: readonly MemberOf<T>[];
}

/** Names of the members of all types of a union. */
type MemberOf<T> = T extends unknown ? keyof T & string : never;

/** The process of a link. */
const PROCESS = ["namespace", "pid", "version", "state"] as const;

const LINK: Members<LinkRow> = {
  brief: ["ifname", "link", "operstate", "address", "flags"],
  details: [
    ...["inet6_addr_gen_mode", "promiscuity", "allmulti"] as const,
    ...["min_mtu", "max_mtu", "linkinfo", "pkey", "pkey_index"] as const,
    ...["num_tx_queues", "num_rx_queues", "gso_max_size"] as const,
    ...["gso_max_segs", "tso_max_size", "tso_max_segs"] as const,
    "gro_max_size",
    ...["membership", "unreached", "qpn", "gid", "hca"] as const,
    ...["mtu_chain", "connections", "no_connections"] as const,
    ...["next_hops", "namespace", "pid", "version"] as const,
    ...["log", "log_level"] as const,
  ],
  stats: ["stats64", "drops"],
};

/** The traffic of a neighbour or a group. */
const TRAFFIC = [
  ...["rx_packets", "rx_bytes", "tx_packets", "tx_bytes"] as const,
  "seen_ms",
] as const;

const NEIGHBOUR: Members<NeighRecord> = {
  brief: ["dst", "dev", "lladdr"],
  details: [
    ...["qpn", "gid", "transport", "connection"] as const,
    ...["rc_qpn", "rc_mtu", "rc_age_ms"] as const,
  ],
  stats: [
    ...["used", "confirmed", "updated", "probes", "queued"] as const,
    ...TRAFFIC,
    ...["rtt_ms", "round_trips"] as const,
  ],
};

const PATH: Members<PathRecord> = { details: ["hoplimit"], stats: ["queued"] };

const GROUP: Members<McgRecord> = {
  details: ["qkey", "mtu", "rate_mbps", "sl", "created_ms"],
  stats: ["created_ms", "queuelen", ...TRAFFIC],
};

/** Converts a link. With `-a`, it has its process; an interface that does not answer has only its state. */
export function linkJson(link: LinkRow, style: Style): object {
  if (!("ifindex" in link)) return link;
  const own = style.netns === undefined ? {} : picked(link, PROCESS);
  return { ...selected(link, LINK, style), ...own };
}

/** Converts a link with its addresses, whose flags are members as in iproute2. */
export function addrJson(row: AddrRow, style: Style): object {
  if (!("ifindex" in row)) return row;
  const { addr_info, ...link } = row;
  const omitted = ["linkmode", "inet6_addr_gen_mode"];
  if (style.brief) omitted.push("address", "flags");
  const shown = filtered(
    linkJson(link, style),
    (name) => !omitted.includes(name),
  );
  return style.family === "link" ? shown : {
    ...shown,
    addr_info: addr_info.map((each) => addressJson(each, style)),
  };
}

function addressJson(record: AddressRecord, { brief }: Style): object {
  const prefix = ["local", "address", "prefixlen", "metric"];
  if (brief) return picked(record, prefix);
  return {
    ...picked(record, ["family", ...prefix, "broadcast", "scope"]),
    ...Object.fromEntries(record.flags.map((flag) => [flag, true])),
    ...picked(record, ["label", "valid_life_time", "preferred_life_time"]),
  };
}

export function neighbourJson(record: NeighRecord, style: Style): object {
  return selected(record, NEIGHBOUR, style);
}

export function pathJson(record: PathRecord, style: Style): object {
  return selected(record, PATH, style);
}

export function groupJson(record: McgRecord, style: Style): object {
  return selected(record, GROUP, style);
}

function selected<T extends object>(
  record: T,
  members: Members<T>,
  { details, stats, brief }: Style,
): object {
  if (brief && members.brief) return picked(record, members.brief);
  const optional: readonly string[] = [...members.details, ...members.stats];
  const given: readonly string[] = [
    ...(details ? members.details : []),
    ...(stats ? members.stats : []),
  ];
  return filtered(
    record,
    (name) => !optional.includes(name) || given.includes(name),
  );
}

function picked(record: object, names: readonly string[]): object {
  return filtered(record, (name) => names.includes(name));
}

function filtered(record: object, keep: (name: string) => boolean): object {
  return Object.fromEntries(
    Object.entries(record).filter(([name]) => keep(name)),
  );
}
