/** Received TCP segments reach the stack in frames of several segments, unchanged. */

import { assert, assertEquals, assertGreater } from "@std/assert";
import {
  type Acknowledged,
  acknowledged,
} from "../../../scripts/rig/acknowledgments.ts";
import { type Fabric, KERNELS, OURS } from "../../../scripts/rig/fabric.ts";
import { throughput } from "../../../scripts/rig/iperf.ts";
import { report } from "../../../scripts/rig/report.ts";
import { FULL, fullTest } from "../../../scripts/test/form.ts";
import { transfer } from "../transfer.ts";

const SECONDS = 10;
const BYTES = FULL ? 32 << 20 : 4 << 20;
const PORT = 5401;
const LIMIT_S = 300;

export function coalescing(fabric: Fabric): void {
  Deno.test("a TCP stream from ib_ipoib arrives unchanged at ipoib, which coalesces its segments", async () => {
    const { a, c, node } = fabric;
    const { coalesced, packets, dropped } = await acknowledged(
      c,
      node,
      async () => {
        const sums = await transfer(a, c, OURS, PORT, BYTES, LIMIT_S);
        assertEquals(sums.received, sums.sent);
      },
    );
    report(`${coalesced} of ${packets} packets coalesced`);
    assertGreater(coalesced, 0);
    assertEquals(dropped, 0);
  });

  fullTest(
    "the acknowledgments of a TCP stream, beside those of ib_ipoib",
    async () => {
      const { a, b, c, node } = fabric;
      const ours = await acknowledged(
        c,
        node,
        () => throughput(a, c, OURS, SECONDS),
      );
      const kernels = await acknowledged(
        b,
        undefined,
        () => throughput(a, b, KERNELS[1], SECONDS),
      );
      report(
        `acknowledgments per segment: ipoib ${ratio(ours)}, ib_ipoib ${
          ratio(kernels)
        }; ${ours.coalesced} of ${ours.packets} packets coalesced`,
      );
      // At most the rate of a receiver that acknowledges every second segment (RFC 9293 section 3.8.6.3).
      assert(ours.acknowledgments < ours.packets / 2);
      assertGreater(ours.coalesced, 0);
    },
  );
}

function ratio({ acknowledgments, packets }: Acknowledged): string {
  return (acknowledgments / packets).toFixed(3);
}
