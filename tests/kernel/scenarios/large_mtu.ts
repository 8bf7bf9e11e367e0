/** The same fabric with an IB MTU of 4096. */

import { assertEquals } from "@std/assert";
import { type Fabric, KERNELS, OURS } from "../../../scripts/rig/fabric.ts";
import { fullTest } from "../../../scripts/test/form.ts";
import { unanswered } from "./ping.ts";

/** Small, an IP packet of the MTU (4092), and fragments. */
const SIZES = [56, 4064, 10000];

export function largeMtu(fabric: Fabric): void {
  fullTest(
    "with an IB MTU of 4096 ours and the kernel's ping each other at 4092",
    async () => {
      await fabric.restart(4096);
      assertEquals((await fabric.node.link()).mtu, 4092);
      assertEquals(await unanswered(fabric.c, KERNELS, SIZES), []);
      assertEquals(await unanswered(fabric.a, [OURS], SIZES), []);
    },
  );
}
