/** The statistics block of `ip -s link`. */

import type { Stats64 } from "../../ipc/schema.ts";
import { number } from "./number.ts";

const LEAST = [10, 7, 6, 7, 7, 7];
/** iproute2 keeps a last column, for compressed packets, which is empty here. */
const LAST = 11;

/** The four lines, without line ends; columns grow with their numbers as in iproute2. */
export function statistics(stats: Stats64, human: boolean): string[] {
  const { rx, tx } = stats;
  // The device misses no packets: what it cannot take is counted as dropped.
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
  const widths = LEAST.map((least, i) =>
    Math.max(least, ...rows.map((row) => row[i]!.length))
  );
  const heading = (label: string, names: string[]) => {
    const cells = names.map((name, i) =>
      name.padStart(i === 0 ? widths[i]! - 4 : widths[i]!)
    );
    return `    ${label}: ${cells.join(" ")}${" ".repeat(LAST)}`;
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
