/** What is measured: a network between namespaces, and the processes that carry it. */

import type { Fd } from "../../src/system/fd.ts";
import { createNamespace } from "../../src/system/namespace.ts";
import { runInside } from "./inside.ts";

/** The MTU that every link of the bench has: 2048 of the subnet less the IPoIB header. */
export const MTU = 2044;
/** The queue before a TAP: the program's own, and for a fair comparison the yardstick's too. */
const QUEUE = 1000;
const GROUPS = "224.0.0.0/4";

/** Time on processors, in seconds. */
export interface CpuSeconds {
  /** In user space. */
  readonly user: number;
  /** In user space and in the kernel. */
  readonly all: number;
}

/** Something for each end of a network; there are two at least. */
export type Ends<T> = readonly [T, T, ...T[]];

/** A network that is up, with an address at each end. */
export interface Subject {
  readonly name: string;
  /** The interface at each end. */
  readonly devices: Ends<string>;
  /** Paths of the namespaces. */
  readonly namespaces: Ends<string>;
  /** The address at each end. */
  readonly addresses: Ends<string>;
  /** The process at each end; absent if one carries them all. */
  readonly pids?: Ends<number>;
  /** What its processes have used so far. */
  cpu(): CpuSeconds;
  /** What its processes say that they dropped so far, by reason. */
  drops?(): Promise<Record<string, number>>;
  close(): Promise<void>;
}

/** Nameless namespaces, which go with this process however it ends. */
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

/** Makes something for each of `count` ends; there are two at least. */
export function endsOf<T>(count: number, make: (end: number) => T): Ends<T> {
  const more = Array.from(
    { length: Math.max(0, count - 2) },
    (_, i) => make(i + 2),
  );
  return [make(0), make(1), ...more];
}

/** An address for each of `count` ends: 10.98.NET.1 and on. */
export function addressesOf(net: number, count: number): Ends<string> {
  return endsOf(count, (end) => `10.98.${net}.${end + 1}`);
}

/** Sets the interface of each namespace up, with an address and a route for groups. */
export async function configure(
  namespaces: Ends<string>,
  addresses: Ends<string>,
  devices: Ends<string>,
): Promise<void> {
  for (const [i, namespace] of namespaces.entries()) {
    const ip = (...args: string[]) => runInside(namespace, "ip", ...args);
    const device = devices[i]!;
    const queue = ["txqueuelen", String(QUEUE)];
    await ip("link", "set", "lo", "up");
    await ip("link", "set", device, "mtu", String(MTU), ...queue, "up");
    await ip("address", "replace", `${addresses[i]}/24`, "dev", device);
    await ip("route", "replace", GROUPS, "dev", device);
  }
}

/** User and system time of a process so far (proc(5): fields 14 and 15 of /proc/PID/stat, in 1/100 s). */
export function cpuOf(pid: number): CpuSeconds {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  // The name in field 2 may hold spaces: count from the parenthesis that ends it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const user = Number(fields[11]) / 100;
  return { user, all: user + Number(fields[12]) / 100 };
}

/** The same of several processes together. */
export function cpuOfAll(pids: readonly number[]): CpuSeconds {
  return pids.map(cpuOf).reduce((sum, each) => ({
    user: sum.user + each.user,
    all: sum.all + each.all,
  }));
}

/** What was used from one look to the next. */
export function cpuBetween(before: CpuSeconds, after: CpuSeconds): CpuSeconds {
  return { user: after.user - before.user, all: after.all - before.all };
}
