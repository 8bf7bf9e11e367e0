/** Where packets were lost: evidence beside the figures. */

import { runInside } from "./inside.ts";
import type { Subject } from "./subject.ts";

/** Counters of a port that count what arrived, or is no loss. */
const NO_LOSS =
  /_packets$|_events$|^rx_echoes$|^arp_|^port_multicast_filtered$/;

/** Those counters of a process that count losses. */
export function lossesAmong(
  counters: Readonly<Record<string, number>>,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(counters).filter(([name]) => !NO_LOSS.test(name)),
  );
}

/** Adds counters to a sum. */
export function add(
  sum: Record<string, number>,
  more: Readonly<Record<string, number>>,
): void {
  for (const [name, count] of Object.entries(more)) {
    sum[name] = (sum[name] ?? 0) + count;
  }
}

/** What grew from one look to the next. */
export function growth(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(after)
      .map(([name, count]) => [name, count - (before[name] ?? 0)] as const)
      .filter(([, count]) => count > 0),
  );
}

/** The datagrams that sockets had no room for: `RcvbufErrors` in the text of /proc/net/snmp. */
export function socketOverflows(snmp: string): number {
  const [names, values] = snmp.split("\n")
    .filter((line) => line.startsWith("Udp:"))
    .map((line) => line.split(" "));
  const at = names?.indexOf("RcvbufErrors") ?? -1;
  return at < 0 ? 0 : Number(values?.[at] ?? 0);
}

/** What has been lost on the way through a subject so far: by its processes, before its TUNs, before sockets. */
export async function dropsOf(
  { namespaces, devices, drops }: Subject,
): Promise<Record<string, number>> {
  const sum: Record<string, number> = { ...await drops?.() };
  for (const [i, namespace] of namespaces.entries()) {
    const show = ["-j", "-s", "link", "show", "dev", devices[i]!];
    const [link] = JSON.parse(await runInside(namespace, "ip", ...show));
    const snmp = await runInside(namespace, "cat", "/proc/net/snmp");
    add(sum, {
      tun_queue: link.stats64.tx.dropped,
      tun_refused: link.stats64.rx.dropped + link.stats64.rx.errors,
      socket_queue: socketOverflows(snmp),
    });
  }
  return sum;
}

/** Counters as one line of text. */
export function dropsText(drops: Readonly<Record<string, number>>): string {
  const entries = Object.entries(drops);
  if (entries.length === 0) return "none";
  return entries.map(([name, count]) => `${name} ${count}`).join(", ");
}
