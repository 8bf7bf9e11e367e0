/** Pings between the kernel's interfaces and ours: sizes, directions, and who begins. */

import { assertEquals } from "@std/assert";
import { type Fabric, KERNELS, OURS } from "../../../scripts/rig/fabric.ts";
import type { Guest } from "../../../scripts/rig/guest.ts";

/** Small, an IP packet of the MTU (2044), and fragments. */
const SIZES = [56, 2016, 6000];

/** Who is asked without an answer, of pings of all sizes from `guest` to `addresses`. */
export async function unanswered(
  guest: Guest,
  addresses: readonly string[],
  sizes: readonly number[] = SIZES,
): Promise<string[]> {
  const output = await guest.must(
    addresses.flatMap((address) =>
      sizes.map((size) =>
        `ping -q -n -c 3 -i 0.2 -W ${
          guest.patient(5)
        } -s ${size} ${address} > /tmp/ping.out 2>&1 ||
         echo '${address} with ${size} bytes' $(grep -o '[0-9]* received' /tmp/ping.out)`
      )
    ).join("\n") + "\ntrue",
    120,
  );
  return output.split("\n").filter((line) => line !== "");
}

export function ping(fabric: Fabric): void {
  Deno.test("our interface pings the kernel's ib_ipoib, small, full and fragmented packets", async () => {
    const { a, b, c } = fabric;
    await Promise.all([
      ...[a, b].map((guest) => guest.must(`ip neigh flush dev ib0`)),
      c.must("ipoib neigh flush ib0"),
    ]);
    assertEquals(await unanswered(c, KERNELS), []);
  });

  Deno.test("the kernel's ib_ipoib pings our interface, small, full and fragmented packets", async () => {
    const { a, b, c } = fabric;
    await Promise.all([
      ...[a, b].map((guest) => guest.must(`ip neigh flush dev ib0`)),
      c.must("ipoib neigh flush ib0"),
    ]);
    assertEquals(await unanswered(a, [OURS]), []);
    assertEquals(await unanswered(b, [OURS]), []);
  });

  Deno.test("children on partition 0x8001 of the kernel and of ours ping each other", async () => {
    const { a, c, node } = fabric;
    await Promise.all([
      a.must("/rig/guest/kernel-ipoib ib0.8001 10.45.0.1/24"),
      node.child(0x8001, "10.45.0.3"),
    ]);
    assertEquals(await unanswered(c, ["10.45.0.1"]), []);
    assertEquals(await unanswered(a, ["10.45.0.3"]), []);
  });
}
