/**
 * Output of `link show` in the format of `ip link` (iproute2 6.1). Lines that iproute2 does not print follow its lines:
 * the state if it is not running; with `-d` the port, the MTU, the source of next hops, the state and the process; with
 * `-s` the drops by reason.
 */

import { hex } from "../../base/hex.ts";
import { type LinkRecord, RUNNING } from "../../ipc/schema.ts";
import { portRate } from "./number.ts";
import { statistics } from "./statistics_text.ts";
import { lines, type Style } from "./style.ts";

/** An interface whose process does not answer. */
export interface AbsentLink {
  readonly ifname: string;
  /** The reason: "not answering". */
  readonly state: string;
}

/** A line of the list of interfaces. */
export type LinkRow = LinkRecord | AbsentLink;

export function renderLinks(links: LinkRow[], style: Style): string {
  return links.map((link) =>
    "ifindex" in link
      ? lines(linkLines(link, style), style)
      : absentLine(link, style)
  ).join("");
}

function absentLine({ ifname, state }: AbsentLink, { palette }: Style): string {
  return `${palette.name(ifname)}: ${palette.bad(state)}\n`;
}

function linkLines(link: LinkRecord, style: Style): string[] {
  const parts = [headLine(link, style), addressLine(link, style)];
  if (style.details) parts.push(ipoibLine(link));
  if (link.ifalias !== undefined) parts.push(`    alias ${link.ifalias}`);
  if (style.details) parts.push(...ownLines(link, style));
  else if (link.state !== RUNNING) parts.push(stateLine(link, style));
  if (style.stats) {
    parts.push(...statistics(link.stats64, style.human));
    const dropped = dropLine(link);
    if (dropped) parts.push(dropped);
  }
  return parts;
}

function headLine(link: LinkRecord, { palette }: Style): string {
  const name = palette.name(
    link.link === undefined ? link.ifname : `${link.ifname}@${link.link}`,
  );
  const state = link.operstate === "UP"
    ? palette.good("UP")
    : palette.bad(link.operstate);
  return [
    `${link.ifindex}: ${name}: <${link.flags.join(",")}>`,
    `mtu ${link.mtu}`,
    `qdisc ${link.qdisc}`,
    `state ${state}`,
    `mode ${link.linkmode}`,
    `group ${link.group}`,
    `qlen ${link.txqlen}`,
  ].join(" ");
}

function addressLine(link: LinkRecord, { details, palette }: Style): string {
  const line = `    link/${link.link_type} ${
    palette.lladdr(link.address)
  } brd ${palette.lladdr(link.broadcast)}`;
  if (!details) return line;
  return `${line} promiscuity ${link.promiscuity}  allmulti ${link.allmulti} ` +
    `minmtu ${link.min_mtu} maxmtu ${link.max_mtu} `;
}

function ipoibLine(link: LinkRecord): string {
  const { key, mode, umcast } = link.linkinfo.info_data;
  const addrgen = link.inet6_addr_gen_mode === undefined
    ? ""
    : `addrgenmode ${link.inet6_addr_gen_mode} `;
  return `    ipoib pkey ${key} mode ${mode} umcast ${umcast} ${addrgen}`;
}

function ownLines(link: LinkRecord, style: Style): string[] {
  const { hca } = link;
  const subnet = hca.subnet === undefined ? "" : ` subnet ${hca.subnet}`;
  const index = link.pkey_index === undefined
    ? "not in the port's table"
    : String(link.pkey_index);
  return [
    `    hca ${hca.device} port ${hca.port}${subnet} state ${hca.port_state} ` +
    `${fabricWords(hca)} rate ${portRate(hca)}`,
    `    gid ${link.gid} qpn ${hex(link.qpn, 6)} pkey_index ${index}`,
    mtuLine(link),
    ...connectionLines(link),
    `    next hops from ${NEXT_HOPS[link.next_hops] ?? link.next_hops}`,
    stateLine(link, style),
    ...limitedLines(link, style),
    `    namespace ${link.namespace} pid ${link.pid}`,
  ];
}

/** Formats the LIDs, or the link layer if it is Ethernet, which has no LIDs. */
function fabricWords(hca: LinkRecord["hca"]): string {
  return hca.link_layer === "ethernet"
    ? "link_layer Ethernet (RoCE)"
    : `lid ${hex(hca.lid)} sm_lid ${hex(hca.sm_lid)}`;
}

const NEXT_HOPS: Record<string, string> = {
  program: "a program in the kernel",
  routes: "the kernel's routes",
};

const BINDING = {
  port: "the port",
  group: "the broadcast group",
  mode: "connected mode",
  admin: "the administrator",
  device: "the device",
};

function mtuLine({ mtu_chain: chain, linkinfo }: LinkRecord): string {
  const refused = chain.refused === undefined
    ? ""
    : `, ${chain.refused} was refused`;
  return `    mtu port ${chain.port} group ${chain.group ?? "unknown"} ` +
    `mode ${linkinfo.info_data.mode} admin ${
      chain.admin ?? "unset"
    } device ${chain.device}, ` +
    `limited by ${BINDING[chain.binding]}${refused}`;
}

function connectionLines(link: LinkRecord): string[] {
  const { connections, no_connections: reason } = link;
  if (connections) {
    const { active, passive } = connections;
    return [`    connections active ${active} passive ${passive}`];
  }
  return reason === undefined ? [] : [`    no connected mode: ${reason}`];
}

function stateLine(link: LinkRecord, { palette }: Style): string {
  const mark = link.state === RUNNING ? palette.good : palette.bad;
  return `    state ${mark(link.state)}`;
}

/** Returns what a limited member reaches, and what it does not reach. Nothing is printed for a full member. */
function limitedLines(link: LinkRecord, { palette }: Style): string[] {
  if (link.membership !== "limited") return [];
  return [
    `    membership ${
      palette.bad("limited")
    }: the port reaches only full members of partition ${link.pkey}`,
    ...(link.unreached ?? []).map(({ destination, reason }) =>
      `    ${destination} not reached: ${reason}`
    ),
  ];
}

function dropLine(link: LinkRecord): string | undefined {
  const reasons = Object.entries(link.drops);
  if (reasons.length === 0) return undefined;
  return `    drops ${reasons.map(([name, n]) => `${name} ${n}`).join(" ")}`;
}
