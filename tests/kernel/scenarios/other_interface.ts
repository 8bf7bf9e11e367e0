/** Addresses of other interfaces: by default, a host answers ARP requests for them on `ib0` too. */

import { assertEquals, assertMatch } from "@std/assert";
import type { Fabric } from "../../../scripts/rig/fabric.ts";
import type { Guest } from "../../../scripts/rig/guest.ts";
import { unanswered, unresolved } from "../../../scripts/rig/ping.ts";

/** Address of the loopback interface of the guest with ipoib. */
const OUR_LOOPBACK = "10.77.0.3";
/** Address of the loopback interface of a guest with ib_ipoib. */
const KERNEL_LOOPBACK = "10.77.0.1";

/** Assigns an address to the loopback interface of `owner`, and adds a route to it on `peer` via `ib0`. */
async function addAddress(
  owner: Guest,
  peer: Guest,
  address: string,
): Promise<void> {
  await owner.must(`ip address replace ${address}/32 dev lo`);
  await peer.must(`ip route replace ${address}/32 dev ib0`);
}

async function removeAddress(
  owner: Guest,
  peer: Guest,
  address: string,
): Promise<void> {
  await owner.must(`ip address del ${address}/32 dev lo`);
  await peer.must(`ip route del ${address}/32 dev ib0`);
}

export function otherInterface(fabric: Fabric): void {
  Deno.test("ipoib and ib_ipoib answer ARP requests for addresses of other interfaces; ipoib obeys arp_ignore", async () => {
    const { a, c } = fabric;
    await addAddress(c, a, OUR_LOOPBACK);
    await addAddress(a, c, KERNEL_LOOPBACK);
    try {
      assertEquals(await unanswered(a, [OUR_LOOPBACK], [56]), []);
      assertEquals(await unanswered(c, [KERNEL_LOOPBACK], [56]), []);
      const ignore = (value: number) =>
        c.must(`echo ${value} > /proc/sys/net/ipv4/conf/ib0/arp_ignore`);
      await ignore(1);
      assertEquals(await unresolved(a, [OUR_LOOPBACK]), [OUR_LOOPBACK]);
      assertMatch(
        await a.must(`ip neigh show to ${OUR_LOOPBACK} dev ib0`),
        /INCOMPLETE|FAILED/,
      );
      await ignore(0);
      assertEquals(await unanswered(a, [OUR_LOOPBACK], [56]), []);
    } finally {
      await removeAddress(c, a, OUR_LOOPBACK);
      await removeAddress(a, c, KERNEL_LOOPBACK);
    }
  });
}
