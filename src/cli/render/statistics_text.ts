/** Statistics lines of `ip -s link`. */

import type { Stats64 } from "../../ipc/schema.ts";
import { number } from "./number.ts";

/** Minimum width of each column, in characters. */
const MIN_WIDTHS = [10, 7, 6, 7, 7, 7];
/** Width of the last column of iproute2, which is for compressed packets and is empty here. */
const LAST_WIDTH = 11;

/** Returns four lines without line ends. As in iproute2, columns are as wide as their widest number. */
export function statistics(stats: Stats64, human: boolean): string[] {
  const { rx, tx } = stats;
  // `missed` is always 0: packets that the device does not accept are counted as dropped.
  const received = [
    rx.bytes,
    rx.packets,
    rx.errors,
    rx.dropped,
    0,
    rx.multicast,
  ];
  const sent = [
    tx.bytes,
    tx.packets,
    tx.errors,
    tx.dropped,
    tx.carrier_errors,
    tx.collisions,
  ];
  const text = (values: number[]) => values.map((n) => number(n, human));
  const rows = [text(received), text(sent)] as const;
  const widths = MIN_WIDTHS.map((width, i) =>
    Math.max(width, ...rows.map((row) => row[i]!.length))
  );
  const heading = (label: string, names: string[]) => {
    const cells = names.map((name, i) =>
      name.padStart(i === 0 ? widths[i]! - 4 : widths[i]!)
    );
    return `    ${label}: ${cells.join(" ")}${" ".repeat(LAST_WIDTH)}`;
  };
  const row = (values: string[]) =>
    `    ${values.map((t, i) => t.padStart(widths[i]!)).join(" ")} `;
  const first = ["bytes", "packets", "errors", "dropped"];
  return [
    heading("RX", [...first, "missed", "mcast"]),
    row(rows[0]),
    heading("TX", [...first, "carrier", "collsns"]),
    row(rows[1]),
  ];
}
