/** The fabric with an InfiniBand MTU of 4096. */

import { assertEquals } from "@std/assert";
import { type Fabric, KERNELS, OURS } from "../../../scripts/rig/fabric.ts";
import { fullTest } from "../../../scripts/test/form.ts";
import { unanswered } from "../../../scripts/rig/ping.ts";

/** Payload sizes: a small packet, an IP packet of the MTU (4092), and fragments. */
const SIZES = [56, 4064, 10000];

export function largeMtu(fabric: Fabric): void {
  fullTest(
    "with an InfiniBand MTU of 4096, ipoib and ib_ipoib ping each other with packets of 4092 bytes",
    async () => {
      await fabric.restart(4096);
      assertEquals((await fabric.node.link()).mtu, 4092);
      assertEquals(await unanswered(fabric.c, KERNELS, SIZES), []);
      assertEquals(await unanswered(fabric.a, [OURS], SIZES), []);
    },
  );
}
