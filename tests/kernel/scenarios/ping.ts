/** Pings between ipoib and ib_ipoib in both directions, with small, full and fragmented packets. */

import { assertEquals } from "@std/assert";
import { type Fabric, KERNELS, OURS } from "../../../scripts/rig/fabric.ts";
import { unanswered } from "../../../scripts/rig/ping.ts";

/** Payload sizes: a small packet, an IP packet of the MTU (2044), and fragments. */
const SIZES = [56, 2016, 6000];

export function ping(fabric: Fabric): void {
  Deno.test("ipoib pings ib_ipoib with small, full and fragmented packets", async () => {
    await fabric.flushNeighbours();
    assertEquals(await unanswered(fabric.c, KERNELS, SIZES), []);
  });

  Deno.test("ib_ipoib pings ipoib with small, full and fragmented packets", async () => {
    const { a, b } = fabric;
    await fabric.flushNeighbours();
    assertEquals(await unanswered(a, [OURS], SIZES), []);
    assertEquals(await unanswered(b, [OURS], SIZES), []);
  });

  Deno.test("child interfaces of ipoib and ib_ipoib in partition 0x8001 ping each other", async () => {
    const { a, c, node } = fabric;
    await Promise.all([
      a.must("/rig/guest/kernel-ipoib ib0.8001 10.45.0.1/24"),
      node.child(0x8001, "10.45.0.3"),
    ]);
    assertEquals(await unanswered(c, ["10.45.0.1"], SIZES), []);
    assertEquals(await unanswered(a, ["10.45.0.3"], SIZES), []);
  });
}
