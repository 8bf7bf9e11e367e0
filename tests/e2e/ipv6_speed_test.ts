/** Throughput of TCP over IPv6 beside that over IPv4: printed, not asserted. */

import { assertGreater } from "@std/assert";
import { median, medianRatio } from "../../scripts/bench/statistics.ts";
import { FULL } from "../../scripts/test/form.ts";
import { iperf, iperfServer, labTest } from "./harness/mod.ts";

/** Pairs of runs of one second. */
const PAIRS = FULL ? 9 : 3;
const MBIT = 1e6 / 8;

labTest("TCP over IPv6 and over IPv4 (the ratio is printed)", async (lab) => {
  const [a, b] = await lab.running(2);
  for (const [i, host] of [a, b].entries()) {
    const address = `fd00::${i + 1}/64`;
    await host.ip("addr", "add", address, "dev", "ib0", "nodad");
  }
  await iperfServer(b);
  const rates: Record<"ipv4" | "ipv6", number[]> = { ipv4: [], ipv6: [] };
  const targets = { ipv4: b.address, ipv6: "fd00::2" };
  // The first pair warms up.
  for (let pair = 0; pair <= PAIRS; pair++) {
    for (const family of ["ipv4", "ipv6"] as const) {
      const { received } = await iperf(a, targets[family], "-t", "1");
      assertGreater(received, 0);
      if (pair > 0) rates[family].push(received / MBIT);
    }
  }
  const { ipv4, ipv6 } = rates;
  const text = `iperf3, medians of ${PAIRS} pairs of 1 s: IPv4 ${
    median(ipv4).toFixed(0)
  } Mbit/s, IPv6 ${median(ipv6).toFixed(0)} Mbit/s, ratio ${
    medianRatio(ipv6, ipv4).toFixed(2)
  }\n`;
  Deno.stdout.writeSync(new TextEncoder().encode(text));
});
