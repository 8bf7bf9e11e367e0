/** IPv6 settings and addresses of hosts. */

import type { Host } from "./host.ts";

/** Sets `net.ipv6.conf.ib0.NAME`. */
export async function setIpv6(
  host: Host,
  name: string,
  value: number,
): Promise<void> {
  await host.must("sysctl", "-qw", `net.ipv6.conf.ib0.${name}=${value}`);
}

/** Lets the kernel forward IPv6 packets, and send no router solicitations. */
export async function routeIpv6(host: Host): Promise<void> {
  await host.must("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1");
}

/** Adds an address without duplicate address detection. */
export async function addIpv6(host: Host, address: string): Promise<void> {
  await host.ip("-6", "addr", "add", address, "dev", "ib0", "nodad");
}

/**
 * Returns the addresses of the interface as `ip` prints them, such as `fe80::1/64 tentative`; only those that match
 * `words`, such as `temporary`.
 */
export async function ipv6Addresses(
  host: Host,
  ...words: string[]
): Promise<string[]> {
  const text = await host.ip(
    ...["-6", "-o", "addr", "show", "dev", "ib0", ...words],
  );
  return [...text.matchAll(/inet6 (\S+) scope \S+ ?(.*?)\\/g)].map((
    [, address, flags],
  ) => `${address} ${flags}`.trim());
}
