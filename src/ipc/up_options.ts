/** Options of `ipoib up` and `ipoib subnet run`, which src/cli parses and src/daemon uses. */

import { formatGuid } from "../base/hex.ts";
import { LOG_LEVELS, type LogLevel } from "../base/log_level.ts";
import type { SetupStep } from "./setup.ts";

/** Value of `--hca`. */
export type HcaChoice =
  /** All InfiniBand ports of the host, or the soft HCA on the default subnet if there is none. */
  | { kind: "auto" }
  | { kind: "soft"; subnet: string }
  /** One port. Without a port number, the first InfiniBand port of the device, or else its first port. */
  | { kind: "verbs"; device: string; port?: number };

export const DEFAULT_SUBNET = "default";

export const IO_CHOICES = ["auto", "poll", "uring"] as const;
export const MEMBERSHIP_CHOICES = ["auto", "rtnetlink", "proc"] as const;
export const NEXT_HOP_CHOICES = ["auto", "program", "routes"] as const;
export const MODE_CHOICES = ["datagram", "connected"] as const;
export const LOG_CHOICES = LOG_LEVELS;

/** Options of one interface. */
export interface InterfaceOptions {
  /** Interface name. */
  name: string;
  /** NAME, PID or PATH of the network namespace for the device. Default: that of the caller. */
  netns?: string;
  /** Index into the P_Key table of the port. */
  pkeyIndex: number;
  /** Port GUID of the soft HCA. */
  guid?: bigint;
  /** IB MTU that the embedded subnet must have, in bytes. */
  subnetMtu?: 2048 | 4096;
  mode: (typeof MODE_CHOICES)[number];
  /** MTU set by the administrator, in bytes. */
  mtu?: number;
  io: (typeof IO_CHOICES)[number];
  /** Source of the kernel's multicast memberships. */
  memberships: (typeof MEMBERSHIP_CHOICES)[number];
  /** Source of next hops. */
  nextHops: (typeof NEXT_HOP_CHOICES)[number];
  /** Packets that can wait in the receive queue of an interface. Default: 2048 on a device, 256 on the embedded HCA. */
  recvQueueSize?: number;
  /** Packets that a device can hold for all interfaces of a port. Default: 512. */
  sendQueueSize?: number;
  /** Maximum number of multicast groups per interface, without the broadcast group. Default: 512. */
  maxGroups?: number;
  /** Maximum number of connections of other hosts per interface. Default: 1024. */
  maxConnections?: number;
  log: LogLevel;
  /** Use Ethernet (RoCE) ports too, which reach only other nodes that run this program. */
  roce: boolean;
  /** Keep the interfaces if the process is killed, for the next process with their names. */
  persist?: boolean;
  /** Name of the user that the process runs as. Default: the caller. */
  user?: string;
  /** Path of the configuration file, which describes one interface. */
  config?: string;
  /** The settings in this file that are not options. */
  setup?: readonly SetupStep[];
}

/** Options of `ipoib up`. */
export interface UpOptions extends Omit<InterfaceOptions, "name"> {
  /** Interface names, assigned to the ports in order. Empty: one interface per port, named `ib0`, `ib1`, ... */
  names: readonly string[];
  hca: HcaChoice;
  /** Data workers that the interfaces share. Default: daemon/data_services.ts. */
  threads?: number;
  /** Run in the background and return once all interfaces are ready. */
  background: boolean;
  /** Path of the log of the background process. Default: daemon/log_path.ts. */
  logFile?: string;
  /** Seconds to wait in the background until all interfaces are ready. Default: no limit. */
  timeoutS?: number;
}

/** Options of `ipoib subnet run`. */
export interface SubnetRunOptions {
  /** Name of the subnet. */
  name: string;
  /** IB MTU of the subnet, in bytes. */
  subnetMtu?: 2048 | 4096;
  /** Path of the partition configuration, in OpenSM syntax. */
  partitions?: string;
  /** Name of the user that the process runs as. Default: the caller. */
  user?: string;
  log: LogLevel;
}

/** Parses `auto`, `soft`, `soft:SUBNET`, `DEVICE` or `DEVICE/PORT`; undefined if the text is invalid. */
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

/** True for a valid subnet name: 1 to 32 letters, digits, `_`, `-` or `.`, without a leading dot. */
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

/** Returns the options of an interface that have a value, as text under their names on the command line. */
export function optionTexts(
  options: Omit<InterfaceOptions, "name"> & { readonly hca: HcaChoice },
): Record<string, string> {
  const { guid } = options;
  const texts: Record<string, string | number | undefined> = {
    "hca": hcaText(options.hca),
    "netns": options.netns,
    "pkey-index": options.pkeyIndex,
    "guid": guid === undefined ? undefined : formatGuid(guid),
    "subnet-mtu": options.subnetMtu,
    "mode": options.mode,
    "mtu": options.mtu,
    "io": options.io,
    "memberships": options.memberships,
    "next-hops": options.nextHops,
    "recv-queue-size": options.recvQueueSize,
    "send-queue-size": options.sendQueueSize,
    "max-groups": options.maxGroups,
    "max-connections": options.maxConnections,
    "log": options.log,
    "user": options.user,
  };
  return Object.fromEntries(
    Object.entries(texts).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)]]
    ),
  );
}

/**
 * Returns the command line for these options, beginning with `up`. It starts the background process, which reads the
 * configuration file again.
 */
export function upArguments(options: UpOptions): string[] {
  const { names, config, threads, logFile, timeoutS } = options;
  return [
    ...["up", ...names],
    ...Object.entries(optionTexts(options)).flatMap((
      [name, value],
    ) => [`--${name}`, value]),
    ...config === undefined ? ["--no-config"] : ["--config", config],
    ...threads === undefined ? [] : ["--threads", String(threads)],
    ...logFile === undefined ? [] : ["--log-file", logFile],
    ...timeoutS === undefined ? [] : ["--timeout", String(timeoutS)],
    ...options.roce ? ["--roce"] : [],
    ...options.persist ? ["--persist"] : [],
    ...options.background ? ["--background"] : [],
  ];
}
