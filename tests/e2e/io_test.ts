/** The two I/O backends of the data path, poll and io_uring, on one subnet. */

import { assertEquals, assertGreater } from "@std/assert";
import { whyNoUring } from "./harness/kernel.ts";
import { iperf, iperfServer, labTest } from "./harness/mod.ts";

const missing = whyNoUring();

const pairs = [
  ["poll", "poll"],
  ["poll", "uring"],
  ["uring", "poll"],
  ["uring", "uring"],
] as const;

for (const [first, second] of pairs) {
  if (missing && (first === "uring" || second === "uring")) {
    Deno.test({
      name:
        `--io ${first} and --io ${second} interoperate (skipped: ${missing})`,
      ignore: true,
      fn: () => {},
    });
    continue;
  }
  labTest(`--io ${first} and --io ${second} interoperate`, async (lab) => {
    const [a, b] = await lab.hosts(2);
    await a.up({ args: ["--io", first] });
    await b.up({ args: ["--io", second] });
    for (const size of [56, 2016, 6000]) {
      assertEquals(await a.ping(b, { size }), { sent: 5, received: 5 });
    }
    await iperfServer(b);
    for (const direction of [[], ["-R"]]) {
      assertGreater((await iperf(a, b.address, ...direction)).received, 1e6);
    }
    for (const host of [a, b]) assertEquals((await host.link()).drops, {});
  });
}
