/** Packet losses by reason, which the benchmark reports with its results. */

import { runInside } from "./inside.ts";
import type { Subject } from "./subject.ts";

/** Counters of a port that do not count losses. */
const NO_LOSS =
  /_(packets|frames|events|generated|waiting|writing|coalesced|received|ignored|echoes|arp|nd|dhcp)$|^connections_|^port_cm_|^too_big_|^paths_(queried|found)$|^port_links$|^port_multicast_filtered$/;

/** Returns the counters that count losses. */
export function lossesAmong(
  counters: Readonly<Record<string, number>>,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(counters).filter(([name]) => !NO_LOSS.test(name)),
  );
}

/** Adds the counters `more` to `sum`. */
export function add(
  sum: Record<string, number>,
  more: Readonly<Record<string, number>>,
): void {
  for (const [name, count] of Object.entries(more)) {
    sum[name] = (sum[name] ?? 0) + count;
  }
}

/** Returns the increase of each counter that has increased. */
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

/** Returns the number of datagrams lost in full socket buffers: UDP `RcvbufErrors` in /proc/net/snmp. */
export function socketOverflows(snmp: string): number {
  const [names, values] = snmp.split("\n")
    .filter((line) => line.startsWith("Udp:"))
    .map((line) => line.split(" "));
  const at = names?.indexOf("RcvbufErrors") ?? -1;
  return at < 0 ? 0 : Number(values?.[at] ?? 0);
}

/** Returns the losses of a subject so far: in its processes, at its TUNs, and at sockets. */
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

/** Formats counters as one line. */
export function dropsText(drops: Readonly<Record<string, number>>): string {
  const entries = Object.entries(drops);
  if (entries.length === 0) return "none";
  return entries.map(([name, count]) => `${name} ${count}`).join(", ");
}
