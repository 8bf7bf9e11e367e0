/**
 * Output of `neigh`, `path`, `mcg`, `maddr`, `param` and `child`, in the style of `ip`: one line per record, except for
 * `maddr`.
 */

import { shortGid } from "../../base/gid_text.ts";
import { hex } from "../../base/hex.ts";
import {
  type ChildRecord,
  type FileRecord,
  type MaddrRecord,
  type McgRecord,
  type NeighRecord,
  type ParamRecord,
  type PathRecord,
  RUNNING,
  type TrafficRecord,
  type TransportRecord,
} from "../../ipc/schema.ts";
import { duration, gigabits, milliseconds, number } from "./number.ts";
import { address, operstate, padded, type Style } from "./style.ts";

/** Joins the words of a line; omits undefined and false. */
function line(...words: Array<string | false | undefined>): string {
  return `${words.filter((word) => word).join(" ")}\n`;
}

/** Formats a keyword and its value; undefined if the value is undefined. */
function pair(name: string, value: string | number | undefined) {
  return value === undefined ? undefined : `${name} ${value}`;
}

function rows<T>(
  records: T[],
  style: Style,
  row: (record: T, style: Style) => string,
): string {
  return records.map((record) => row(record, style)).join("");
}

export function renderNeighbours(records: NeighRecord[], style: Style): string {
  return rows(records, style, neighbour);
}

function neighbour(n: NeighRecord, style: Style) {
  const { details, stats, palette } = style;
  if (style.brief) return briefNeighbour(n, style);
  const times = [n.used, n.confirmed, n.updated].join("/");
  const state = n.state.join(",");
  const bad = n.state.includes("FAILED") || n.state.includes("INCOMPLETE");
  return line(
    address(n.dst, palette),
    `dev ${palette.name(n.dev)}`,
    n.lladdr !== undefined && `lladdr ${palette.lladdr(n.lladdr)}`,
    details && pair("qpn", n.qpn === undefined ? undefined : hex(n.qpn, 6)),
    details && pair("gid", n.gid && shortGid(n.gid)),
    details && transport(n),
    stats && `used ${times} probes ${n.probes} queued ${n.queued}`,
    stats && traffic(n, style),
    stats && n.rtt_ms !== undefined && `rtt ${milliseconds(n.rtt_ms)}`,
    bad ? palette.bad(state) : palette.good(state),
  );
}

/** Formats a neighbour as `ip -br neigh`. */
function briefNeighbour({ dst, dev, lladdr = "" }: NeighRecord, style: Style) {
  const { palette } = style;
  return `${padded(dst, 39, (text) => address(text, palette))} ${
    padded(dev, 16, palette.name)
  } ${palette.lladdr(lladdr)}\n`;
}

/**
 * Formats how packets to a peer are sent: `ud`, `ud (connection refused)`, or `rc qpn 0x00004a mtu 65520 age 3.4s`.
 * Returns undefined if the peer is not known.
 */
function transport(t: TransportRecord): string | undefined {
  if (t.transport !== "rc") {
    return t.connection === undefined
      ? t.transport
      : `${t.transport} (connection ${t.connection})`;
  }
  return `rc qpn ${hex(t.rc_qpn ?? 0, 6)} mtu ${t.rc_mtu} age ${
    duration(t.rc_age_ms ?? 0)
  }`;
}

/** Formats traffic as `rx 8400 bytes 100 packets tx 8800 bytes 100 packets seen 1.2s`; undefined if it is not known. */
function traffic(t: TrafficRecord, { human }: Style): string | undefined {
  if (t.rx_bytes === undefined) return undefined;
  const direction = (name: string, bytes = 0, packets = 0) =>
    `${name} ${number(bytes, human)} bytes ${number(packets, human)} packets`;
  return line(
    direction("rx", t.rx_bytes, t.rx_packets),
    direction("tx", t.tx_bytes, t.tx_packets),
    `seen ${t.seen_ms === undefined ? "never" : duration(t.seen_ms)}`,
  ).trimEnd();
}

export function renderPaths(records: PathRecord[], style: Style): string {
  return rows(records, style, path);
}

function path(p: PathRecord, { details, stats, palette }: Style) {
  return line(
    palette.inet6(shortGid(p.gid)),
    `dev ${palette.name(p.dev)}`,
    pair("dlid", p.dlid === undefined ? undefined : hex(p.dlid)),
    pair("sl", p.sl),
    p.rate_mbps !== undefined && `rate ${gigabits(p.rate_mbps)}`,
    pair("mtu", p.mtu),
    details && pair("hoplimit", p.hoplimit),
    (stats || p.queued > 0) && `queued ${p.queued}`,
    p.complete ? palette.good("complete") : palette.bad("incomplete"),
    p.error !== undefined && `error "${p.error}"`,
    ...(p.peers ?? []).map((peer) =>
      `peer ${hex(peer.qpn, 6)} ${transport(peer)}`
    ),
  );
}

export function renderGroups(records: McgRecord[], style: Style): string {
  return rows(records, style, group);
}

function group(g: McgRecord, style: Style) {
  const { details, stats, palette } = style;
  return line(
    palette.inet6(shortGid(g.mgid)),
    `dev ${palette.name(g.dev)}`,
    pair("mlid", g.mlid === undefined ? undefined : hex(g.mlid)),
    g.send_only ? "send_only" : "full",
    g.complete ? palette.good(g.join) : palette.bad(g.join),
    g.attached && "attached",
    details && pair("qkey", g.qkey === undefined ? undefined : hex(g.qkey, 8)),
    details && pair("mtu", g.mtu),
    details && g.rate_mbps !== undefined && `rate ${gigabits(g.rate_mbps)}`,
    details && pair("sl", g.sl),
    (details || stats) && `created ${duration(g.created_ms)}`,
    (stats || g.queuelen > 0) && `queued ${g.queuelen}`,
    stats && traffic(g, style),
    g.retry_ms !== undefined && `retry ${duration(g.retry_ms)}`,
    g.error !== undefined && `error "${g.error}"`,
    g.reason !== undefined && `reason "${g.reason}"`,
  );
}

/** Formats memberships in the layout of `ip maddr`. */
export function renderMaddrs(records: MaddrRecord[], { palette }: Style) {
  return records.map(({ ifindex, ifname, maddr }) =>
    `${ifindex}:\t${palette.name(ifname)}\n` +
    maddr.map(({ family, address: text }) =>
      `\t${family.padEnd(5)} ${address(text, palette)}\n`
    ).join("")
  ).join("");
}

export function renderParams(records: ParamRecord[]): string {
  return records.map(({ param, value, writable }) =>
    line(param, String(value), !writable && "read-only")
  ).join("");
}

/** Formats sysfs attributes as {@linkcode renderParams} does parameters. */
export function renderFiles(records: FileRecord[]): string {
  return records.map(({ file, value, writable }) =>
    line(file, value ?? "write-only", !writable && "read-only")
  ).join("");
}

export function renderChildren(records: ChildRecord[], style: Style): string {
  return rows(records, style, (child, { palette }) =>
    line(
      `${child.ifindex}:`,
      `${palette.name(`${child.ifname}@${child.link}`)}:`,
      `pkey ${child.pkey}`,
      `state ${operstate(child.operstate, palette)}`,
      child.state !== RUNNING && palette.bad(child.state),
    ));
}
