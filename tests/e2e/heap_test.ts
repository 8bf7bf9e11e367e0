/**
 * The data worker allocates no memory per packet.
 *
 * The young generation of V8 is so large that no scavenge occurs during the measurement, so that the used heap counts
 * every allocation. A number outside the range of small integers takes 16 bytes when it is stored, an object at least
 * 24: one per packet exceeds the bound. The rest is allocated per turn of the loop and per wait for credit, which may
 * serve one packet or many.
 */

import { assertGreater, assertLess } from "@std/assert";
import { PERMISSIONS } from "../../scripts/program.ts";
import { FULL } from "../../scripts/test/form.ts";
import { heapFile } from "./heap/file.ts";
import { whyNoUring } from "./harness/kernel.ts";
import { type Host, iperf, iperfServer, labTest } from "./harness/mod.ts";

/** Maximum bytes per packet. */
const BOUND = 8;
const PACKETS = FULL ? 10_000_000 : 1_000_000;
/** Attempts: a measurement with a garbage collection, or with few packets in each turn, is repeated. */
const TRIES = 3;
/** A young generation with semi-spaces of 256 MB from the start, and no idle-time collection. */
const FLAGS = [
  "--min-semi-space-size=256",
  "--max-semi-space-size=256",
  "--semi-space-growth-factor=1",
  "--no-memory-reducer",
].join(",");
const MAIN = new URL("./heap/main.ts", import.meta.url).pathname;

interface Heap {
  used: number;
  packets: number;
}

async function heap(host: Host): Promise<Heap> {
  const [stats] = await host.call("stats", { name: "ib0" });
  const { rx, tx } = stats!.stats64;
  // The worker writes the file before it replies.
  const file = heapFile(host.lab.runtime, host.daemon.pid);
  const used = Number(await Deno.readTextFile(file));
  return { used, packets: rx.packets + tx.packets };
}

/** Returns the number of frames that the interface has read from its device. It costs the data worker nothing. */
async function framesRead(host: Host): Promise<number> {
  const [link] = JSON.parse(
    await host.ip("-j", "-s", "link", "show", "ib0"),
  );
  return link.stats64.tx.packets;
}

/** I/O backend and mode. */
const RUNS = [
  ["poll", "datagram"],
  ["uring", "datagram"],
  ["uring", "connected"],
] as const;

const noUring = whyNoUring();

for (const [io, mode] of RUNS) {
  const missing = io === "uring" ? noUring : undefined;
  const title =
    `The data worker allocates less than ${BOUND} bytes per packet, --io ${io}, ${mode} mode`;
  labTest(
    missing === undefined ? title : `${title} (skipped: ${missing})`,
    async (lab) => {
      const [a, b] = await lab.hosts(2);
      const command = [
        ...[Deno.execPath(), "run", "--quiet", `--v8-flags=${FLAGS}`],
        ...PERMISSIONS,
        MAIN,
      ];
      const args = ["--io", io, "--mode", mode];
      await Promise.all([a.up({ command, args }), b.up({ command, args })]);
      await iperfServer(b);
      // Small datagrams at the maximum rate: each is a TAP frame. The first run warms up the JIT compiler.
      const flood = (seconds: number) =>
        iperf(
          ...[a, b.address, "-u", "-l", "16", "-b", "0"] as const,
          ...["-t", String(seconds)],
        );
      await flood(2);
      const measured = async () => {
        const before = [await heap(a), await heap(b)];
        const end = await framesRead(a) + PACKETS;
        while (await framesRead(a) < end) await flood(2);
        const after = [await heap(a), await heap(b)];
        return after.map(({ used, packets }, i) => ({
          packets: packets - before[i]!.packets,
          grown: used - before[i]!.used,
        }));
      };
      let sides = await measured();
      // A smaller heap means that a collection has hidden allocations. One per packet exceeds the bound each time.
      const valid = ({ grown, packets }: typeof sides[number]) =>
        grown > 0 && grown / packets < BOUND;
      for (let i = 1; i < TRIES && !sides.every(valid); i++) {
        sides = await measured();
      }
      for (const [i, side] of ["sender", "receiver"].entries()) {
        const { packets, grown } = sides[i]!;
        const figures =
          `The ${side}'s heap grew by ${grown} bytes over ${packets} packets`;
        assertGreater(grown, 0, figures);
        assertGreater(packets, 0, figures);
        assertLess(grown / packets, BOUND, figures);
      }
    },
    { ignore: missing !== undefined },
  );
}
