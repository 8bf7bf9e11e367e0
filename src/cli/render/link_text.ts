/**
 * Output of `link show` in the format of `ip link` (iproute2 6.1). Lines that iproute2 does not print follow its lines:
 * the state if it is not running or in doubt; with `-a` the namespace and the process; with `-d` the port, the MTU, the
 * source of next hops, the state and the process; with `-s` the drops by reason.
 */

import { shortGid } from "../../base/gid_text.ts";
import { hex } from "../../base/hex.ts";
import { printable } from "../../base/printable.ts";
import type { LinkRecord } from "../../ipc/schema.ts";
import {
  type AbsentLink,
  addressLine,
  headLine,
  ipoibLine,
  processLines,
  renderRows,
  stateLine,
} from "./link_lines.ts";
import { portRate } from "./number.ts";
import { statistics } from "./statistics_text.ts";
import type { Style } from "./style.ts";

/** A row of the list of interfaces. */
export type LinkRow = LinkRecord | AbsentLink;

export function renderLinks(links: LinkRow[], style: Style): string {
  return renderRows<LinkRecord>(
    links,
    style,
    ({ address, flags }) =>
      `${style.palette.lladdr(address)} <${flags.join(",")}> `,
    (link) => linkLines(link, style),
  );
}

function linkLines(link: LinkRecord, style: Style): string[] {
  const { inet6_addr_gen_mode: genMode } = link;
  const parts = [
    headLine(link, style, `mode ${link.linkmode}`),
    addressLine(link, style),
  ];
  if (style.details) {
    const addrgen = genMode === undefined ? "" : `addrgenmode ${genMode} `;
    parts.push(ipoibLine(link, addrgen));
  }
  if (link.ifalias !== undefined) {
    parts.push(`    alias ${printable(link.ifalias)}`);
  }
  parts.push(...(style.details ? ownLines : processLines)(link, style));
  if (style.stats) {
    parts.push(...statistics(link.stats64, style.human));
    const dropped = dropLine(link);
    if (dropped) parts.push(dropped);
  }
  return parts;
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
    ...lostLines(link, style),
    `    gid ${shortGid(link.gid)} qpn ${hex(link.qpn, 6)} pkey_index ${index}`,
    mtuLine(link),
    ...connectionLines(link),
    `    next hops from ${NEXT_HOPS[link.next_hops] ?? link.next_hops}`,
    stateLine(link, style),
    ...limitedLines(link, style),
    namespaceLine(link, style),
    ...logLines(link),
  ];
}

/** Returns the place and level of the log. A process of another version may not tell. */
function logLines({ log, log_level: level }: LinkRecord): string[] {
  if (log === undefined) return [];
  return [`    log ${log}${level === undefined ? "" : ` level ${level}`}`];
}

function namespaceLine(link: LinkRecord, { netns }: Style): string {
  const { namespace, pid, version = "unknown" } = link;
  const name = netns === undefined ? "" : `netns ${netns} `;
  return `    ${name}namespace ${namespace} pid ${pid} version ${version}`;
}

/** Returns why the device is lost. The state has the same reason, unless the interface is down. */
function lostLines({ hca }: LinkRecord, { palette }: Style): string[] {
  return hca.lost === undefined
    ? []
    : [`    device ${palette.bad("lost")}: ${hca.lost}`];
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
