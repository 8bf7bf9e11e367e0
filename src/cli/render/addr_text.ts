/** Output of `addr show` in the format of `ip addr` (iproute2 6.1). */

import { printable } from "../../base/printable.ts";
import type { AddressRecord, LinkRecord } from "../../ipc/schema.ts";
import {
  type AbsentLink,
  addressLine,
  headLine,
  ipoibLine,
  processLines,
  renderRows,
} from "./link_lines.ts";
import { statistics } from "./statistics_text.ts";
import { address, lines, type Palette, type Style } from "./style.ts";

/** An interface with its addresses. */
export type AddressedLink = LinkRecord & { addr_info: AddressRecord[] };

/** A row of the list of addresses. */
export type AddrRow = AddressedLink | AbsentLink;

/** Value of a lifetime without an end. */
const FOREVER = 0xffffffff;

export function renderAddresses(rows: AddrRow[], style: Style): string {
  if (style.oneline && !style.brief) return onelines(rows, style);
  return renderRows<AddressedLink>(
    rows,
    style,
    (link) =>
      link.addr_info.map((each) => `${prefix(each, style.palette)} `)
        .join(""),
    (link) => fullLines(link, style),
  );
}

/** Formats each address as one line, with the name of its interface, as `ip -o addr`. */
function onelines(rows: readonly AddrRow[], style: Style): string {
  return rows.flatMap((row) =>
    !("ifindex" in row) ? [] : row.addr_info.map((each) => {
      const [first, lifetimes] = addressLines(each, style.palette);
      const start = `${row.ifindex}: ${printable(row.ifname)}${first}`;
      return lines([start, lifetimes], style);
    })
  ).join("");
}

function fullLines(link: AddressedLink, style: Style): string[] {
  const { family, details, palette } = style;
  const inet = family === "inet" || family === "inet6";
  return [
    headLine(link, style),
    ...(inet && !details ? [] : [addressLine(link, style)]),
    ...(details ? [ipoibLine(link)] : []),
    ...(details && link.ifalias !== undefined
      ? [`    alias ${printable(link.ifalias)}`]
      : []),
    ...processLines(link, style),
    ...link.addr_info.flatMap((each) => addressLines(each, palette)),
    ...(style.stats ? statistics(link.stats64, style.human) : []),
  ];
}

/** Returns the two lines of an address. */
function addressLines(
  record: AddressRecord,
  palette: Palette,
): [string, string] {
  const { family, broadcast, scope, flags, label = "" } = record;
  const words = [
    `    ${family} ${prefix(record, palette)}`,
    ...(broadcast === undefined ? [] : [`brd ${address(broadcast, palette)}`]),
    `scope ${scope}`,
    ...flags,
    printable(label),
  ];
  return [
    words.join(" "),
    `       valid_lft ${lifetime(record.valid_life_time)} ` +
    `preferred_lft ${lifetime(record.preferred_life_time)}`,
  ];
}

/** Formats an address with its prefix length, the other end and the metric if it has them. */
function prefix(record: AddressRecord, palette: Palette): string {
  const { local, address: peer, prefixlen, metric } = record;
  const end = peer === undefined ? "" : ` peer ${address(peer, palette)}`;
  const rank = metric === undefined ? "" : ` metric ${metric}`;
  return `${address(local, palette)}${end}/${prefixlen}${rank}`;
}

function lifetime(seconds: number): string {
  return seconds === FOREVER ? "forever" : `${seconds}sec`;
}
