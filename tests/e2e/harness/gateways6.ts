/** Three hosts with IPv6: a client, and two gateways that have the same address behind them. */

import { patient } from "../../../scripts/machine.ts";
import type { Host } from "./host.ts";
import type { Lab } from "./lab.ts";
import { linkLocal } from "./neighbours.ts";
import { until } from "./until.ts";

/** Address of both gateways that is not on the link, and the network routed to it. */
export const TARGET6 = "fd20::1";
export const NETWORK6 = "fd20::/64";
/** The client's global address. */
export const CLIENT6 = "fd06::1";
/** Initial hop limits of the replies, which identify the gateway. */
const HOP_LIMIT = { first: 101, second: 102 } as const;

/** A gateway and its addresses on the link. */
export interface Gateway6 {
  readonly host: Host;
  readonly local: string;
  readonly global: string;
}

/** The name of the gateway that replies. */
export type GatewayName = keyof typeof HOP_LIMIT;

export interface Gateways6 {
  readonly from: Host;
  readonly first: Gateway6;
  readonly second: Gateway6;
}

/** Starts the hosts. Adds no route to the target. */
export async function gateways6(
  lab: Lab,
  args: readonly string[],
): Promise<Gateways6> {
  const [from, ...hosts] = await lab.running(3, args);
  const add = (host: Host, address: string, device = "ib0") =>
    host.ip("-6", "addr", "add", address, "dev", device, "nodad");
  await add(from!, `${CLIENT6}/64`);
  await linkLocal(from!);
  const [first, second] = await Promise.all(hosts.map(async (host, i) => {
    const global = `fd06::${i + 2}`;
    await add(host, `${global}/64`);
    await host.ip("link", "set", "lo", "up");
    await add(host, `${TARGET6}/128`, "lo");
    const limit = Object.values(HOP_LIMIT)[i];
    await host.must("sysctl", "-qw", `net.ipv6.conf.ib0.hop_limit=${limit}`);
    return { host, global, local: await linkLocal(host) };
  }));
  return { from: from!, first: first!, second: second! };
}

/**
 * Pings the target until a reply arrives, and returns the gateway that replied. `prefix` is a command that starts ping.
 */
export async function replying(
  from: Host,
  options: readonly string[] = [],
  prefix: readonly string[] = [],
): Promise<GatewayName> {
  const words = [
    ...[...prefix, "ping", "-6", "-n", "-c", "1", "-W", `${patient(1)}`],
    ...[...options, TARGET6],
  ];
  const limit = await until(`a reply to ${words.join(" ")}`, async () => {
    const { code, stdout, stderr } = await from.run(words);
    if (code > 1) throw new Error(`${words.join(" ")}: ${stderr}`);
    return /ttl=(\d+)/.exec(stdout)?.[1];
  });
  return Number(limit) === HOP_LIMIT.first ? "first" : "second";
}
