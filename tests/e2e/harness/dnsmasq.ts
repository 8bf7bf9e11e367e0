/** A dnsmasq that serves DHCP and router advertisements. */

import type { Host } from "./host.ts";

/** Starts dnsmasq, without DNS, on ib0 of a host. */
export async function startDnsmasq(
  host: Host,
  ...words: string[]
): Promise<void> {
  const server = host.start(
    ...["dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--port=0"],
    ...["--interface=ib0", "--user=root", "--group=root", ...words],
  );
  await server.prints(/started/);
}
