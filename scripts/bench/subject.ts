/** Subject of a measurement: a network between namespaces, and the processes that forward its packets. */

import type { Fd } from "../../src/system/fd.ts";
import { createNamespace } from "../../src/system/namespace.ts";
import { runInside } from "./inside.ts";

/** MTU of every link: the subnet MTU of 2048 minus the IPoIB header. */
export const MTU = 2044;
/** Transmit queue length of every device, that of the program, for a fair comparison. */
const QUEUE = 1000;
const GROUPS = "224.0.0.0/4";

/** CPU time in seconds. */
export interface CpuSeconds {
  /** CPU time in user space. */
  readonly user: number;
  /** CPU time in user space and in the kernel. */
  readonly all: number;
}

/** A value for each end of a network, which has at least two ends. */
export type Ends<T> = readonly [T, T, ...T[]];

/** A running network with an address at each end. */
export interface Subject {
  readonly name: string;
  /** Name of the interface at each end. */
  readonly devices: Ends<string>;
  /** Paths of the namespaces. */
  readonly namespaces: Ends<string>;
  /** IPv4 address at each end. */
  readonly addresses: Ends<string>;
  /** IPv6 address at each end; absent if the network carries IPv4 only. */
  readonly ipv6?: Ends<string>;
  /** PID of the process at each end; absent if one process serves all ends. */
  readonly pids?: Ends<number>;
  /** Sets the mode of all interfaces, and with it the MTU; absent if the network has a fixed MTU. */
  setMode?(mode: "datagram" | "connected"): Promise<void>;
  /** Sets `rx-usecs`, or `adaptive-rx on`, at all ends; absent if the network has no moderation. */
  setModeration?(rxUsecs: number | "adaptive"): Promise<void>;
  /** Returns the number of receive events at an end so far; absent if the network does not count them. */
  receiveEvents?(end: number): Promise<number>;
  /** Returns the CPU time of its processes so far. */
  cpu(): CpuSeconds;
  /** Returns the packets that its processes have counted as dropped, by reason. */
  drops?(): Promise<Record<string, number>>;
  close(): Promise<void>;
}

/** Anonymous network namespaces, which the kernel removes when this process exits. */
export class Namespaces {
  readonly fds: Ends<Fd>;

  constructor(count: number) {
    this.fds = endsOf(count, createNamespace);
  }

  get paths(): Ends<string> {
    return endsOf(
      this.fds.length,
      (i) => `/proc/${Deno.pid}/fd/${this.fds[i]!.number}`,
    );
  }

  close(): void {
    this.fds.forEach((fd) => fd.close());
  }
}

/** Creates a value for each of `count` ends, at least two. */
export function endsOf<T>(count: number, make: (end: number) => T): Ends<T> {
  const more = Array.from(
    { length: Math.max(0, count - 2) },
    (_, i) => make(i + 2),
  );
  return [make(0), make(1), ...more];
}

/** Returns an address for each of `count` ends, from 10.98.NET.1 on. */
export function addressesOf(net: number, count: number): Ends<string> {
  return endsOf(count, (end) => `10.98.${net}.${end + 1}`);
}

/** Returns an IPv6 address for each of `count` ends, from fd98:NET::1 on. */
export function ipv6AddressesOf(net: number, count: number): Ends<string> {
  return endsOf(count, (end) => `fd98:${net}::${end + 1}`);
}

/** Sets up the interface of each namespace with its addresses and a multicast route. */
export async function configure(
  namespaces: Ends<string>,
  addresses: Ends<string>,
  devices: Ends<string>,
  ipv6?: Ends<string>,
): Promise<void> {
  for (const [i, namespace] of namespaces.entries()) {
    const ip = (...args: string[]) => runInside(namespace, "ip", ...args);
    const device = devices[i]!;
    const queue = ["txqueuelen", String(QUEUE)];
    await ip("link", "set", "lo", "up");
    await ip("link", "set", device, "mtu", String(MTU), ...queue, "up");
    await ip("address", "replace", `${addresses[i]}/24`, "dev", device);
    if (ipv6) {
      const address = `${ipv6[i]}/64`;
      await ip("address", "replace", address, "dev", device, "nodad");
    }
    await ip("route", "replace", GROUPS, "dev", device);
  }
}

/** Sets the MTU of the interface of each namespace. */
export async function setMtu(
  { namespaces, devices }: Pick<Subject, "namespaces" | "devices">,
  mtu: number,
): Promise<void> {
  for (const [i, namespace] of namespaces.entries()) {
    const change = [devices[i]!, "mtu", String(mtu)];
    await runInside(namespace, "ip", "link", "set", ...change);
  }
}

/** Returns the CPU time of a process (proc(5): fields 14 and 15 of /proc/PID/stat, in 1/100 s). */
export function cpuOf(pid: number): CpuSeconds {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  // The name in field 2 may contain spaces, so count from its closing parenthesis.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const user = Number(fields[11]) / 100;
  return { user, all: user + Number(fields[12]) / 100 };
}

/** Returns the total CPU time of several processes. */
export function cpuOfAll(pids: readonly number[]): CpuSeconds {
  return pids.map(cpuOf).reduce((sum, each) => ({
    user: sum.user + each.user,
    all: sum.all + each.all,
  }));
}

/** Returns the CPU time between two samples. */
export function cpuBetween(before: CpuSeconds, after: CpuSeconds): CpuSeconds {
  return { user: after.user - before.user, all: after.all - before.all };
}
