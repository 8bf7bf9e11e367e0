/** What `ipoib up` and `ipoib subnet run` were asked for: the command line's side gives it, the daemon takes it. */

import { formatGuid } from "../base/hex.ts";
import type { LogLevel } from "../base/log.ts";

/** Which host channel adapter to use. */
export type HcaChoice =
  /** A real one if the host has one, else the soft one on the default subnet. */
  | { kind: "auto" }
  | { kind: "soft"; subnet: string }
  /** Without a port: the first of the device that has InfiniBand. */
  | { kind: "verbs"; device: string; port?: number };

export const DEFAULT_SUBNET = "default";

export const IO_CHOICES = ["auto", "poll", "uring"] as const;
export const MEMBERSHIP_CHOICES = ["auto", "rtnetlink", "proc"] as const;
export const NEXT_HOP_CHOICES = ["auto", "program", "routes"] as const;
export const MODE_CHOICES = ["datagram", "connected"] as const;
export const LOG_CHOICES = [
  "debug",
  "info",
  "warning",
  "error",
  "silent",
] as const satisfies readonly LogLevel[];

/** What each interface of a process is asked to be. */
export interface InterfaceOptions {
  /** Interface name. */
  name: string;
  /** NAME, PID or PATH of the namespace that the device goes to; absent: the caller's. */
  netns?: string;
  /** Position in the port's P_Key table. */
  pkeyIndex: number;
  /** Port GUID of the soft HCA. */
  guid?: bigint;
  /** IB MTU that the embedded subnet must have. */
  subnetMtu?: 2048 | 4096;
  mode: (typeof MODE_CHOICES)[number];
  /** MTU that the administrator asks for. */
  mtu?: number;
  io: (typeof IO_CHOICES)[number];
  /** How the kernel's multicast memberships are watched. */
  memberships: (typeof MEMBERSHIP_CHOICES)[number];
  /** Where the next hops of routed packets come from. */
  nextHops: (typeof NEXT_HOP_CHOICES)[number];
  /** Most multicast groups of each interface, beside its broadcast group; absent: the engine's default. */
  maxGroups?: number;
  log: LogLevel;
}

export interface UpOptions extends Omit<InterfaceOptions, "name"> {
  /** Interface names, given to the ports in order; none: one for each port, `ib0`, `ib1` and so on. */
  names: readonly string[];
  hca: HcaChoice;
  /** Ethernet ports (RoCE) too: an extension, with which nodes of this program talk to one another. */
  roce: boolean;
  /** Return once all interfaces are ready, and leave a process behind. */
  background: boolean;
  /** Name of the user that the process runs as; absent: the caller. */
  user?: string;
}

export interface SubnetRunOptions {
  name: string;
  subnetMtu?: 2048 | 4096;
  /** File of the partitions, in OpenSM's syntax. */
  partitions?: string;
  /** Name of the user that the process runs as; absent: the caller. */
  user?: string;
  log: LogLevel;
}

/** Reads `soft`, `soft:SUBNET`, `DEVICE` or `DEVICE/PORT`; undefined if it is none of them. */
export function parseHca(text: string): HcaChoice | undefined {
  const match = /^([\w.-]+)(?:([:/])([\w.-]+))?$/.exec(text);
  if (!match) return undefined;
  const [, device, separator, rest] = match;
  if (device === "soft") {
    if (separator === "/") return undefined;
    const subnet = rest ?? DEFAULT_SUBNET;
    return isSubnetName(subnet) ? { kind: "soft", subnet } : undefined;
  }
  if (device === "auto" && !separator) return { kind: "auto" };
  if (separator === ":") return undefined;
  if (rest === undefined) return { kind: "verbs", device: device! };
  const port = Number(rest);
  return Number.isInteger(port) && port >= 1 && port <= 254
    ? { kind: "verbs", device: device!, port }
    : undefined;
}

/** A subnet's name is a folder's: letters, digits, `_`, `-`, `.`, not beginning with a dot, 32 at most. */
export function isSubnetName(name: string): boolean {
  return /^[\w-][\w.-]{0,31}$/.test(name);
}

function hcaText(hca: HcaChoice): string {
  switch (hca.kind) {
    case "auto":
      return "auto";
    case "soft":
      return `soft:${hca.subnet}`;
    case "verbs":
      return hca.port === undefined ? hca.device : `${hca.device}/${hca.port}`;
  }
}

/** The command line that means these options, from `up` on: what a process in the background is started with. */
export function upArguments(options: UpOptions): string[] {
  const words = ["up", ...options.names, "--hca", hcaText(options.hca)];
  const add = (flag: string, value: string | number | undefined) => {
    if (value !== undefined) words.push(flag, String(value));
  };
  add("--netns", options.netns);
  add("--pkey-index", options.pkeyIndex);
  add(
    "--guid",
    options.guid === undefined ? undefined : formatGuid(options.guid),
  );
  add("--subnet-mtu", options.subnetMtu);
  add("--mode", options.mode);
  add("--mtu", options.mtu);
  add("--io", options.io);
  add("--memberships", options.memberships);
  add("--next-hops", options.nextHops);
  add("--max-groups", options.maxGroups);
  add("--log", options.log);
  add("--user", options.user);
  if (options.roce) words.push("--roce");
  if (options.background) words.push("--background");
  return words;
}
