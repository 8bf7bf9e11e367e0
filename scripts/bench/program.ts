/** The program as a subject: an `ipoib up ib0` process at each end, all on one embedded subnet. */

import { IpcClient } from "../../src/ipc/client.ts";
import {
  namespaceIdentity,
  socketDirectory,
  socketPath,
} from "../../src/ipc/locate.ts";
import type { Fd } from "../../src/system/fd.ts";
import { namespaceInode } from "../../src/system/namespace.ts";
import { initialNamespaceInode } from "../../src/system/namespace_inodes.ts";
import { Host } from "../host.ts";
import { add, lossesAmong } from "./drops.ts";
import { runInside } from "./inside.ts";
import {
  addressesOf,
  configure,
  cpuOfAll,
  endsOf,
  ipv6AddressesOf,
  Namespaces,
  type Subject,
} from "./subject.ts";

const INTERFACE = "ib0";
const CHILD_PKEYS = [0x8001, 0x8002];

export interface ProgramOptions {
  /** Name of the subject. Default: the value of `io`. */
  readonly name?: string;
  /** Command line that starts the program. Default: the program of this tree. */
  readonly command?: readonly [string, ...string[]];
  /** I/O backend of the program. Default: "auto". */
  readonly io?: "auto" | "poll" | "uring";
  /** Number of hosts on the subnet. Default: 2. */
  readonly ends?: number;
  /** Third byte of the addresses. Default: 2. */
  readonly net?: number;
  /** IB MTU of the subnet in bytes. Default: 2048. */
  readonly subnetMtu?: 2048 | 4096;
  /** Number of child interfaces of each host, which run without addresses. Default: none. */
  readonly children?: number;
}

/** Starts the program in new namespaces, with its runtime directory in `folder`. */
export async function startProgram(
  folder: string,
  options: ProgramOptions = {},
): Promise<Subject> {
  const { io = "auto", name = io, ends = 2, net = 2 } = options;
  const subnetMtu = String(options.subnetMtu ?? 2048);
  const namespaces = new Namespaces(ends);
  const addresses = addressesOf(net, ends);
  const ipv6 = ipv6AddressesOf(net, ends);
  const devices = endsOf(ends, () => INTERFACE);
  const hosts: Host[] = [];
  const close = async () => {
    await Promise.all(hosts.map((host) => host.stop()));
    namespaces.close();
  };
  try {
    for (const namespace of namespaces.fds) {
      const host = Host.start({
        namespace,
        runtime: folder,
        command: options.command,
        arguments: ["--subnet-mtu", subnetMtu, "--io", io],
      });
      hosts.push(host);
      // One at a time, so that the first end is the subnet manager.
      await host.ready();
    }
    await configure(namespaces.paths, addresses, devices, ipv6);
    for (const [i, fd] of namespaces.fds.entries()) {
      await addChildren(folder, fd, namespaces.paths[i]!, options.children);
    }
  } catch (error) {
    await close();
    throw error;
  }
  const pids = endsOf(ends, (end) => hosts[end]!.pid);
  return {
    name,
    devices,
    namespaces: namespaces.paths,
    addresses,
    ipv6,
    pids,
    setMode: async (mode) => {
      for (const fd of namespaces.fds) {
        using client = await connectTo(folder, fd);
        await client.call("link.set", { name: INTERFACE, mode });
      }
    },
    setModeration: async (rxUsecs) => {
      for (const fd of namespaces.fds) {
        using client = await connectTo(folder, fd);
        const values = rxUsecs === "adaptive"
          ? { "adaptive-rx": 1 } as const
          : { "rx-usecs": rxUsecs, "adaptive-rx": 0 } as const;
        await client.call("coalesce.set", { values });
      }
    },
    receiveEvents: async (end) => {
      using client = await connectTo(folder, namespaces.fds[end]!);
      const [stats] = await client.call("stats", { name: INTERFACE });
      return stats!.counters["port_cq_events"] ?? NaN;
    },
    cpu: () => cpuOfAll(pids),
    drops: async () => {
      const sum: Record<string, number> = {};
      for (const fd of namespaces.fds) add(sum, await lossesOf(folder, fd));
      return sum;
    },
    close,
  };
}

/** Creates children on the built-in partitions 0x8001 and 0x8002 in turn, and waits until they run. */
async function addChildren(
  runtime: string,
  fd: Fd,
  namespace: string,
  count = 0,
): Promise<void> {
  if (count === 0) return;
  // Otherwise each child would send multicast packets to all others.
  const disable = "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6";
  await runInside(namespace, "sh", "-c", disable);
  using client = await connectTo(runtime, fd);
  for (let i = 0; i < count; i++) {
    const name = `child${i}`;
    const pkey = CHILD_PKEYS[i % CHILD_PKEYS.length]!;
    await client.call("link.add", { link: INTERFACE, name, pkey });
    await runInside(namespace, "ip", "link", "set", name, "up");
    await client.call("wait", { name });
  }
}

/** Returns the losses that a process counts: the drops of its engine and its port. */
export async function lossesOf(
  runtime: string,
  namespace: Fd,
): Promise<Record<string, number>> {
  using client = await connectTo(runtime, namespace);
  const [stats] = await client.call("stats", { name: INTERFACE });
  return { ...stats!.drops, ...lossesAmong(stats!.counters) };
}

/** Connects to the control socket of a process. */
export async function connectTo(
  runtime: string,
  namespace: Fd,
): Promise<IpcClient> {
  const identity = namespaceIdentity(
    namespaceInode(namespace.number),
    initialNamespaceInode(),
  );
  const folder = socketDirectory(runtime, identity);
  return await IpcClient.connect(socketPath(folder, INTERFACE), INTERFACE);
}
