/**
 * Output of `link show` in the format of `ip link` (iproute2 6.1). Lines that iproute2 does not print follow its lines:
 * the state if it is not running; with `-a` the namespace and the process; with `-d` the port, the MTU, the source of
 * next hops, the state and the process; with `-s` the drops by reason.
 */

import { hex } from "../../base/hex.ts";
import { type LinkRecord, RUNNING } from "../../ipc/schema.ts";
import { portRate } from "./number.ts";
import { statistics } from "./statistics_text.ts";
import { lines, operstate, padded, type Palette, type Style } from "./style.ts";

/** Widths of the columns of `ip -br`, in characters. */
const NAME_WIDTH = 16;
const STATE_WIDTH = 14;

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
    !("ifindex" in link)
      ? absentLine(link, style)
      : style.brief
      ? briefLine(link, style)
      : lines(linkLines(link, style), style)
  ).join("");
}

function absentLine({ ifname, state }: AbsentLink, style: Style): string {
  const { palette, brief, netns } = style;
  const name = brief
    ? padded(ifname, NAME_WIDTH, palette.name)
    : `${palette.name(ifname)}:`;
  const place = netns === undefined ? "" : `netns ${netns} state `;
  return `${name} ${place}${palette.bad(state)}\n`;
}

/** Formats a link as `ip -br link`, with the process if namespaces are shown. */
function briefLine(link: LinkRecord, style: Style): string {
  const { palette } = style;
  const state = (text: string) => operstate(text, palette);
  return [
    padded(nameOf(link), NAME_WIDTH, palette.name),
    padded(link.operstate, STATE_WIDTH, state),
    palette.lladdr(link.address),
    `<${link.flags.join(",")}>`,
    ...processWords(link, style),
  ].join(" ") + (style.netns === undefined ? " \n" : "\n");
}

/** Returns the namespace and the process of a link, if namespaces are shown. */
function processWords(link: LinkRecord, { netns, palette }: Style): string[] {
  if (netns === undefined) return [];
  return [
    `netns ${netns}`,
    `pid ${link.pid}`,
    `version ${link.version ?? "unknown"}`,
    `state ${stateText(link, palette)}`,
  ];
}

function linkLines(link: LinkRecord, style: Style): string[] {
  const parts = [headLine(link, style), addressLine(link, style)];
  if (style.details) parts.push(ipoibLine(link));
  if (link.ifalias !== undefined) parts.push(`    alias ${link.ifalias}`);
  if (style.details) parts.push(...ownLines(link, style));
  else if (style.netns !== undefined) {
    parts.push(`    ${processWords(link, style).join(" ")}`);
  } else if (link.state !== RUNNING) parts.push(stateLine(link, style));
  if (style.stats) {
    parts.push(...statistics(link.stats64, style.human));
    const dropped = dropLine(link);
    if (dropped) parts.push(dropped);
  }
  return parts;
}

/** Returns the name of a link with that of its parent: `ib0.8001@ib0`. */
function nameOf({ ifname, link }: LinkRecord): string {
  return link === undefined ? ifname : `${ifname}@${link}`;
}

function headLine(link: LinkRecord, { palette }: Style): string {
  return [
    `${link.ifindex}: ${palette.name(nameOf(link))}: <${link.flags.join(",")}>`,
    `mtu ${link.mtu}`,
    `qdisc ${link.qdisc}`,
    `state ${operstate(link.operstate, palette)}`,
    `mode ${link.linkmode}`,
    `group ${link.group}`,
    link.txqlen === 0 ? "" : `qlen ${link.txqlen}`,
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
    namespaceLine(link, style),
  ];
}

function namespaceLine(link: LinkRecord, { netns }: Style): string {
  const { namespace, pid, version = "unknown" } = link;
  const name = netns === undefined ? "" : `netns ${netns} `;
  return `    ${name}namespace ${namespace} pid ${pid} version ${version}`;
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
  return `    state ${stateText(link, palette)}`;
}

function stateText({ state }: LinkRecord, { good, bad }: Palette): string {
  return state === RUNNING ? good(state) : bad(state);
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
