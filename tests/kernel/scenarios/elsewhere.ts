/** Addresses that lie on another interface of a host: its kernel answers for them on the link too, unless it is told not to. */

import { assertEquals, assertMatch } from "@std/assert";
import type { Fabric } from "../../../scripts/rig/fabric.ts";
import type { Guest } from "../../../scripts/rig/guest.ts";
import { unanswered } from "./ping.ts";

/** On the loopback interface of our machine, and of a kernel's. */
const OF_OURS = "10.77.0.3";
const OF_A_KERNEL = "10.77.0.1";

/** Gives `host` an address on its loopback interface that `asker` reaches by the link. */
async function place(
  host: Guest,
  asker: Guest,
  address: string,
): Promise<void> {
  await host.must(`ip address replace ${address}/32 dev lo`);
  await asker.must(`ip route replace ${address}/32 dev ib0`);
}

async function remove(
  host: Guest,
  asker: Guest,
  address: string,
): Promise<void> {
  await host.must(`ip address del ${address}/32 dev lo`);
  await asker.must(`ip route del ${address}/32 dev ib0`);
}

/** Asks once for an address that is not known, and returns what the asker's kernel has then. */
function ask(asker: Guest, address: string): Promise<string> {
  return asker.must(
    `ip neigh flush to ${address} dev ib0
     ping -q -n -c 1 -W 1 ${address} > /dev/null
     ip neigh show to ${address} dev ib0`,
  );
}

export function elsewhere(fabric: Fabric): void {
  Deno.test("an address on another interface is found by the kernel's ib_ipoib and by ours, and not with arp_ignore", async () => {
    const { a, c } = fabric;
    await place(c, a, OF_OURS);
    await place(a, c, OF_A_KERNEL);
    try {
      assertEquals(await unanswered(a, [OF_OURS], [56]), []);
      assertEquals(await unanswered(c, [OF_A_KERNEL], [56]), []);
      const ignore = (value: number) =>
        c.must(`echo ${value} > /proc/sys/net/ipv4/conf/ib0/arp_ignore`);
      await ignore(1);
      assertMatch(await ask(a, OF_OURS), /INCOMPLETE|FAILED/);
      await ignore(0);
      assertEquals(await unanswered(a, [OF_OURS], [56]), []);
    } finally {
      await remove(c, a, OF_OURS);
      await remove(a, c, OF_A_KERNEL);
    }
  });
}
