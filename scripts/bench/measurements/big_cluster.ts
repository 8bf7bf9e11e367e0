/**
 * Measures an interface with thousands of neighbours, and one with ten: thin ports (scripts/thin_ports), which answer ARP
 * and nothing else. `IPOIB_BENCH_NEIGHBOURS` sets their number, 5000 by default.
 *
 * Each repeat sets the interface down and up, so that it has no neighbours and paths, and keeps the links of the embedded
 * HCA. The subnet manager runs in the process at the other end. For each port that registers, it sends a message with a
 * token of its own to every other port, so that 5000 ports take minutes to register.
 */

import { Host } from "../../host.ts";
import { Cluster } from "../../thin_ports/cluster.ts";
import { pause, runInside } from "../inside.ts";
import type { Measurement } from "../measurement.ts";
import { raiseNeighbourLimits } from "../neighbour_limits.ts";
import { connectTo, lossesOf } from "../program.ts";
import { lossPercent } from "../statistics.ts";
import {
  addressesOf,
  configure,
  cpuBetween,
  cpuOf,
  cpuOfAll,
  endsOf,
  Namespaces,
  type Subject,
} from "../subject.ts";

const FEW = 10;
const MANY = Number(Deno.env.get("IPOIB_BENCH_NEIGHBOURS") ?? 5000);
const INTERFACE = "ib0";
const GUID = "0x0200000000b10001";
/** Second byte of the neighbours' addresses. */
const SECOND = 97;
const LIMIT_MS = 120_000;
const POLL_MS = 10;
/** Datagrams per second to the neighbours, in batches. */
const RATE = 20_000;
const BATCHES_PER_SECOND = 200;
/** Time for the last packets to arrive. */
const SETTLE_MS = 300;
const MEBI = 1024;

const name = (count: number) => `${count} neighbours`;

/** A subject with its neighbours. */
interface ClusterSubject extends Subject {
  readonly cluster: Cluster;
  /** Process of the interface. */
  readonly pid: number;
  /** Memory before the neighbours existed. */
  readonly before: Memory;
  /** Sets the interface down and up. */
  restart(): Promise<void>;
  /** Returns the number of path queries that have been answered with a path. */
  pathsFound(): Promise<number>;
}

export const bigCluster: Measurement = {
  name: "big",
  onRequest: true,
  ends: 2,
  quantities: [
    { name: "Time to resolve all", unit: "s", better: "less" },
    { name: "Time to renew all paths", unit: "s", better: "less" },
    { name: "Path queries", unit: "/s", better: "more" },
    { name: "Memory without neighbours", unit: "MiB", better: "less" },
    { name: "Memory with neighbours", unit: "MiB", better: "less" },
    {
      name: "Memory shared with neighbours",
      unit: "MiB",
      better: "less",
      nearZero: true,
    },
    ...["ten", "all"].flatMap((to) =>
      [
        { name: `UDP to ${to}: CPU`, unit: "us/packet", better: "less" },
        {
          name: `UDP to ${to}: lost`,
          unit: "%",
          better: "less",
          nearZero: true,
        },
      ] as const
    ),
  ],
  own: {
    start: async (subjects, folder) => {
      const restore = raiseNeighbourLimits(FEW + MANY);
      try {
        for (const [i, count] of [FEW, MANY].entries()) {
          subjects.push(await start(`${folder}/big-${i}`, count, i));
        }
      } catch (error) {
        restore();
        throw error;
      }
      const last = subjects.at(-1)!;
      const { close } = last;
      last.close = async () => {
        await close();
        restore();
      };
    },
    columns: [
      { title: name(FEW), subject: name(FEW) },
      { title: name(MANY), subject: name(MANY) },
      { title: `${MANY} / ${FEW}`, subject: name(MANY), to: name(FEW) },
    ],
  },
  measure: async (subject, { seconds }) => {
    const { cluster, pid, before, restart, pathsFound } =
      subject as ClusterSubject;
    await restart();
    const resolved = await timed(() => cluster.reachAll(LIMIT_MS));
    const found = await pathsFound();
    const renewed = await timed(async () => {
      await cluster.reregister();
      while (await pathsFound() < found + cluster.count) await pause(POLL_MS);
    });
    const after = memoryOf(pid);
    return [
      resolved,
      renewed,
      cluster.count / renewed,
      before.own,
      after.own,
      after.shared - before.shared,
      ...await cost(subject as ClusterSubject, FEW, seconds),
      ...await cost(subject as ClusterSubject, cluster.count, seconds),
    ];
  },
};

/** Starts an interface with its neighbours, on a subnet whose manager runs in another process. */
async function start(
  folder: string,
  count: number,
  number: number,
): Promise<ClusterSubject> {
  const namespaces = new Namespaces(2);
  const [near, far] = namespaces.fds;
  const hosts: Host[] = [];
  const clusters: Cluster[] = [];
  const close = async () => {
    await Promise.all(clusters.map((each) => each.end()));
    await Promise.all(hosts.map((host) => host.stop()));
    namespaces.close();
  };
  const up = async (namespace: typeof near, words: string[]) => {
    const host = Host.start({ namespace, runtime: folder, arguments: words });
    hosts.push(host);
    await host.ready();
    return host.pid;
  };
  try {
    const manager = await up(far, []);
    const pid = await up(near, ["--guid", GUID]);
    const addresses = addressesOf(20 + number, 2);
    const devices = endsOf(2, () => INTERFACE);
    const [path] = namespaces.paths;
    await configure(namespaces.paths, addresses, devices);
    const prefix = `10.${SECOND}.255.254/16`;
    await runInside(path, "ip", "address", "add", prefix, "dev", INTERFACE);
    const before = memoryOf(pid);
    const cluster = await Cluster.start({
      directory: `${folder}/subnet/default`,
      peer: GUID,
      namespace: near,
      second: SECOND,
      count,
    });
    clusters.push(cluster);
    const counters = async () => {
      using client = await connectTo(folder, near);
      const [stats] = await client.call("stats", { name: INTERFACE });
      return stats!.counters;
    };
    return {
      name: name(count),
      namespaces: namespaces.paths,
      pids: [pid, manager],
      cpu: () => cpuOfAll([pid, manager]),
      drops: () => lossesOf(folder, near),
      pathsFound: async () => (await counters())["paths_found"]!,
      restart: async () => {
        for (const state of ["down", "up"]) {
          await runInside(path, "ip", "link", "set", INTERFACE, state);
        }
        using client = await connectTo(folder, near);
        await client.call("wait", {}, { timeout: LIMIT_MS });
      },
      ...{ devices, addresses, cluster, pid, before, close },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Returns the seconds that `work` takes. */
async function timed(work: () => Promise<void>): Promise<number> {
  const before = performance.now();
  await work();
  return (performance.now() - before) / 1000;
}

/** Sends datagrams to `count` neighbours in turn. Returns the CPU time per packet in us, and the loss in percent. */
async function cost(
  { cluster, pid }: ClusterSubject,
  count: number,
  seconds: number,
): Promise<[number, number]> {
  const { packets } = await cluster.counters();
  const before = cpuOf(pid);
  const begin = performance.now();
  let sent = 0;
  for (let batch = 0; batch < BATCHES_PER_SECOND * seconds; batch++) {
    for (let left = RATE / BATCHES_PER_SECOND; left > 0;) {
      const first = sent % count;
      const some = Math.min(left, count - first);
      sent += cluster.send(first, some);
      left -= some;
    }
    const due = begin + 1000 * (batch + 1) / BATCHES_PER_SECOND;
    await pause(Math.max(0, due - performance.now()));
  }
  await pause(SETTLE_MS);
  const received = (await cluster.counters()).packets - packets;
  const { all } = cpuBetween(before, cpuOf(pid));
  return [1e6 * all / received, lossPercent(sent, received)];
}

/** Memory of a process in MiB. */
interface Memory {
  /** Anonymous memory. */
  readonly own: number;
  /** Memory shared with other processes: slots and rings. */
  readonly shared: number;
}

function memoryOf(pid: number): Memory {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  const field = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)![1]) / MEBI;
  return { own: field("RssAnon"), shared: field("RssShmem") };
}
