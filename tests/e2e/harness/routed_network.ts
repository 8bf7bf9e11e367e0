/** A network behind a router. */

import type { Host } from "./host.ts";
import { must } from "./command.ts";

/** Connects `router` (10.20.0.1) and `behind` (10.20.0.2) by a veth pair, and enables IPv4 forwarding on the router. */
export async function connectBehind(router: Host, behind: Host): Promise<void> {
  await must([
    ...["ip", "link", "add", "veth0", "netns", router.namespace],
    ...["type", "veth", "peer", "veth0", "netns", behind.namespace],
  ]);
  await router.ip("addr", "add", "10.20.0.1/24", "dev", "veth0");
  await behind.ip("addr", "add", "10.20.0.2/24", "dev", "veth0");
  await router.ip("link", "set", "veth0", "up");
  await behind.ip("link", "set", "veth0", "up");
  await behind.ip("route", "add", "default", "via", "10.20.0.1");
  await router.must("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward");
}
