/** Lines of an interface that `link show` and `addr show` have in common, in the format of iproute2 6.1. */

import { printable } from "../../base/printable.ts";
import { type LinkRecord, RUNNING } from "../../ipc/schema.ts";
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

/**
 * Formats rows: an interface that does not answer as one line, others with `full`, whose lines are joined, or with `-br`
 * with `brief`, whose text ends with a space.
 */
export function renderRows<L extends LinkRecord>(
  rows: readonly (L | AbsentLink)[],
  style: Style,
  brief: (link: L) => string,
  full: (link: L) => string[],
): string {
  return rows.map((row) => {
    if (!("ifindex" in row)) return absentLine(row, style);
    if (!style.brief) return lines(full(row), style);
    const process = processWords(row, style);
    return `${briefColumns(row, style)} ${brief(row)}${process}\n`;
  }).join("");
}

/** Returns the first two columns of `ip -br`. */
function briefColumns(link: LinkRecord, { palette }: Style): string {
  const state = (text: string) => operstate(text, palette);
  return `${padded(nameOf(link), NAME_WIDTH, palette.name)} ${
    padded(link.operstate, STATE_WIDTH, state)
  }`;
}

function absentLine({ ifname, state }: AbsentLink, style: Style): string {
  const { palette, brief, netns } = style;
  const name = brief
    ? padded(ifname, NAME_WIDTH, palette.name)
    : `${palette.name(ifname)}:`;
  const place = netns === undefined ? "" : `netns ${netns} state `;
  return `${name} ${place}${palette.bad(printable(state))}\n`;
}

/** Returns the namespace and the process of a link if namespaces are shown, otherwise an empty text. */
function processWords(link: LinkRecord, { netns, palette }: Style): string {
  if (netns === undefined) return "";
  const { pid, version = "unknown" } = link;
  return `netns ${netns} pid ${pid} version ${version} state ${
    stateText(link, palette)
  }`;
}

/**
 * Returns the line of the process if namespaces are shown; otherwise that of the state, if the link is not running or its
 * membership is in doubt.
 */
export function processLines(link: LinkRecord, style: Style): string[] {
  if (style.netns !== undefined) return [`    ${processWords(link, style)}`];
  const { state, membership_in_doubt: doubt } = link;
  return state === RUNNING && doubt === undefined
    ? []
    : [stateLine(link, style)];
}

/** Returns the name of a link with that of its parent: `ib0.8001@ib0`. */
function nameOf({ ifname, link }: LinkRecord): string {
  return link === undefined ? ifname : `${ifname}@${link}`;
}

/** Returns the first line. `words` follow the state. */
export function headLine(
  link: LinkRecord,
  { palette }: Style,
  ...words: string[]
): string {
  return [
    `${link.ifindex}: ${palette.name(nameOf(link))}: <${link.flags.join(",")}>`,
    `mtu ${link.mtu}`,
    `qdisc ${link.qdisc}`,
    `state ${operstate(link.operstate, palette)}`,
    ...words,
    `group ${link.group}`,
    link.txqlen === 0 ? "" : `qlen ${link.txqlen}`,
  ].join(" ");
}

export function addressLine(
  link: LinkRecord,
  { details, palette }: Style,
): string {
  const line = `    link/${link.link_type} ${
    palette.lladdr(link.address)
  } brd ${palette.lladdr(link.broadcast)}`;
  if (!details) return line;
  return `${line} promiscuity ${link.promiscuity}  allmulti ${link.allmulti} ` +
    `minmtu ${link.min_mtu} maxmtu ${link.max_mtu} `;
}

/** Returns the line of details. `words` follow the kind of the interface. */
export function ipoibLine(link: LinkRecord, words = ""): string {
  const { key, mode, umcast } = link.linkinfo.info_data;
  return `    ipoib pkey ${key} mode ${mode} umcast ${umcast} ${words}${
    limitWords(link)
  }`;
}

/** Keywords of limits in the text of iproute2, in its order. */
const LIMITS = {
  "num_tx_queues": "numtxqueues",
  "num_rx_queues": "numrxqueues",
  "gso_max_size": "gso_max_size",
  "gso_max_segs": "gso_max_segs",
  "tso_max_size": "tso_max_size",
  "tso_max_segs": "tso_max_segs",
  "gro_max_size": "gro_max_size",
} as const;

function limitWords(link: LinkRecord): string {
  const names = Object.keys(LIMITS) as (keyof typeof LIMITS)[];
  return names.filter((name) => link[name] !== undefined)
    .map((name) => `${LIMITS[name]} ${link[name]} `).join("");
}

export function stateLine(link: LinkRecord, { palette }: Style): string {
  return `    state ${stateText(link, palette)}`;
}

/** Formats the state, and why the membership in the broadcast group is in doubt if it is. */
function stateText(
  { state, membership_in_doubt: doubt }: LinkRecord,
  { good, bad }: Palette,
): string {
  const doubtful = doubt === undefined
    ? ""
    : `, ${bad("membership in doubt")}: ${doubt}`;
  return `${state === RUNNING ? good(state) : bad(state)}${doubtful}`;
}
