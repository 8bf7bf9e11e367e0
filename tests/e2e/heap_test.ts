/**
 * Nothing is allocated per packet: the heap of the data worker, over a million packets in which nothing is collected.
 *
 * The young generation is made so large that no scavenge falls into the measurement, so the bytes in use count every
 * allocation. A number that does not fit a small integer costs 16 bytes when it is stored, an object at least 24: one of
 * them for each packet is seen at once. What remains below the bound is paid per turn of the loop and per wait for
 * credit, which may serve one packet or many.
 */

import { assertGreater, assertLess } from "@std/assert";
import { PERMISSIONS } from "../../scripts/program.ts";
import { FULL } from "../../scripts/test/form.ts";
import { heapFile } from "./heap/file.ts";
import { type Host, iperfServer, labTest } from "./harness/mod.ts";

/** Bytes for each packet. */
const BOUND = 8;
const PACKETS = FULL ? 10_000_000 : 1_000_000;
/** A measurement into which a collection fell is done again. */
const TRIES = 3;
/** Half a gigabyte of young generation from the start on, in megabytes; no collection because time has passed. */
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
  // The worker has written it before it answered.
  const file = heapFile(host.lab.runtime, host.daemon.pid);
  const used = Number(await Deno.readTextFile(file));
  return { used, packets: rx.packets + tx.packets };
}

for (const io of ["poll", "uring"]) {
  labTest(`A million packets leave the heap alone, --io ${io}`, async (lab) => {
    const [a, b] = await lab.hosts(2);
    const command = [
      ...[Deno.execPath(), "run", "--quiet", `--v8-flags=${FLAGS}`],
      ...PERMISSIONS,
      MAIN,
    ];
    const args = ["--io", io];
    await Promise.all([a.up({ command, args }), b.up({ command, args })]);
    await iperfServer(b);
    // Small datagrams, as many as go: each is a frame of the TAP. The first second is for the compiler.
    const blast = (seconds: number) =>
      a.must(
        ...["iperf3", "-c", b.address, "-u", "-l", "16", "-b", "0"],
        ...["-t", String(seconds)],
      );
    await blast(2);
    const measured = async () => {
      const before = [await heap(a), await heap(b)];
      let after = before;
      while (after[0]!.packets - before[0]!.packets < PACKETS) {
        await blast(2);
        after = [await heap(a), await heap(b)];
      }
      return after.map(({ used, packets }, i) => ({
        packets: packets - before[i]!.packets,
        grown: used - before[i]!.used,
      }));
    };
    let sides = await measured();
    // Less than at the start means that something was collected meanwhile, which hides what was allocated.
    for (let i = 1; i < TRIES && sides.some(({ grown }) => grown <= 0); i++) {
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
  });
}
