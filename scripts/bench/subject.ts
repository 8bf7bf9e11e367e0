/** What is measured: a link between two namespaces, and the processes that carry it. */

import type { Fd } from "../../src/system/fd.ts";
import { createNamespace } from "../../src/system/namespace.ts";
import { runInside } from "./inside.ts";

/** The MTU that every link of the bench has: 2048 of the subnet less the IPoIB header. */
export const MTU = 2044;

/** A link that is up, with an address at each end. */
export interface Subject {
  readonly name: string;
  /** Paths of the namespaces. */
  readonly namespaces: readonly [string, string];
  /** The address at each end. */
  readonly addresses: readonly [string, string];
  /** CPU seconds that its processes have used so far. */
  cpuSeconds(): number;
  close(): Promise<void>;
}

/** Two nameless namespaces, which go with this process however it ends. */
export class NamespacePair {
  readonly fds: readonly [Fd, Fd] = [createNamespace(), createNamespace()];

  get paths(): [string, string] {
    const [a, b] = this.fds;
    return [path(a), path(b)];
  }

  close(): void {
    this.fds.forEach((fd) => fd.close());
  }
}

/** Gives `ib0` of each namespace an address and sets it up. */
export async function configure(
  namespaces: readonly [string, string],
  addresses: readonly [string, string],
): Promise<void> {
  for (const [i, namespace] of namespaces.entries()) {
    const ip = (...args: string[]) => runInside(namespace, "ip", ...args);
    await ip("link", "set", "lo", "up");
    await ip("link", "set", "ib0", "mtu", String(MTU), "up");
    await ip("address", "add", `${addresses[i]}/24`, "dev", "ib0");
  }
}

/** User and system time of a process, in seconds (proc(5): fields 14 and 15 of /proc/PID/stat, in 1/100 s). */
export function cpuSecondsOf(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  // The name in field 2 may hold spaces: count from the parenthesis that ends it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function path(fd: Fd): string {
  return `/proc/${Deno.pid}/fd/${fd.number}`;
}
