/**
 * Children of ipoib and ib_ipoib in a partition of which their ports are full or limited members. A limited member
 * reaches full members only.
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { reregister } from "../../../scripts/rig/events.ts";
import type { Fabric } from "../../../scripts/rig/fabric.ts";
import type { Guest } from "../../../scripts/rig/guest.ts";
import { DEVICE } from "../../../scripts/rig/node.ts";
import { pingOnce, unanswered } from "../../../scripts/rig/ping.ts";
import { fullTest } from "../../../scripts/test/form.ts";

const CHILD = "ib0.8004";
const FULL = "0x8004";
const LIMITED = "0x0004";
/** Index in the P_Key tables. */
const INDEX = 8;
const KERNEL = "10.46.0.1";
const OURS = "10.46.0.3";
const SIZES = [56, 6000];
/** Time limit of a join. Its maximum back-off is 16 s. */
const JOIN_SECONDS = 40;
/** Three requests, one per second, and the report of the failure. */
const RESOLUTION_SECONDS = 10;
const UNREACHED =
  "no answer; if it is up, both ends are limited members of partition 0x8004";

function setPkey(guest: Guest, pkey: string): Promise<string> {
  return guest.must(`echo ${INDEX}:${pkey} > ${DEVICE}/pkey_table`);
}

export function limitedMembers(fabric: Fabric): void {
  fullTest(
    "children reach each other as full members and as a full and a limited member, not as two limited members",
    async () => {
      const { a, c, node } = fabric;
      const flush = async () => {
        await Promise.all(
          [a, c].map((guest) => guest.must(`ip neigh flush dev ${CHILD}`)),
        );
        await node.flushNeighbours(CHILD);
      };
      const bothWays = async (membership: string) => {
        await flush();
        assertEquals(await unanswered(c, [KERNEL], SIZES), [], membership);
        assertEquals(await unanswered(a, [OURS], SIZES), [], membership);
      };
      await node.clearLog();
      await node.child(Number(FULL), OURS);
      await node.waitForLog(
        `${CHILD}: waiting for P_Key ${FULL} in the port's table`,
        20,
      );
      await a.must(`/rig/guest/sa 0xffff,0x8001,0x8002,${FULL}`);
      await reregister(fabric);
      await Promise.all([setPkey(a, FULL), setPkey(c, FULL)]);
      await node.waitForLog(`${CHILD}: running`, JOIN_SECONDS);
      await a.must(`/rig/guest/kernel-ipoib ${CHILD} ${KERNEL}/24`);
      await bothWays("full, full");

      await setPkey(c, LIMITED);
      await node.waitForLog(
        `${CHILD}: running as a limited member of partition ${FULL}`,
        JOIN_SECONDS,
      );
      await bothWays("full, limited");

      await setPkey(a, LIMITED);
      await flush();
      const { code } = await c.run(pingOnce(c, KERNEL, 5));
      assertEquals(code, 1);
      await node.waitForLog(
        `${KERNEL} is not reached: ${UNREACHED}`,
        RESOLUTION_SECONDS,
      );
      const shown = await c.must(`ipoib -d link show ${CHILD}`);
      assertStringIncludes(shown, "membership limited");
      assertStringIncludes(shown, `${KERNEL} not reached: ${UNREACHED}`);
      assertEquals((await a.run(pingOnce(a, OURS, 5))).code, 1);

      await setPkey(a, FULL);
      await setPkey(c, FULL);
      await bothWays("full, full again");
      await a.must(`echo ${FULL} > /sys/class/net/ib0/delete_child`);
      await c.must(`ipoib child delete ${FULL}`);
      await Promise.all([setPkey(a, "0"), setPkey(c, "0")]);
      await a.must("/rig/guest/sa");
      await reregister(fabric);
    },
  );
}
