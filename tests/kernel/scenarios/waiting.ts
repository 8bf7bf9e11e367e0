/** An interface on a fabric that is not ready logs the reason, and runs as soon as the fabric is ready. */

import { assertStringIncludes } from "@std/assert";
import { Event, raise, reregister } from "../../../scripts/rig/events.ts";
import type { Fabric } from "../../../scripts/rig/fabric.ts";
import { DEVICE } from "../../../scripts/rig/node.ts";
import { fullTest } from "../../../scripts/test/form.ts";

/** Time limit of a join. Its maximum back-off is 16 s. */
const JOIN_SECONDS = 40;
const GROUP = "broadcast group ff12:401b:ffff::ffff:ffff";
/** A LID that no port has. */
const UNUSED_LID = 32;
const ALL = "0xffff,0x8001,0x8002";

export function waiting(fabric: Fabric): void {
  fullTest(
    "the interface logs that the SA is missing or does not answer, and runs once it answers",
    async () => {
      const { a, c, node } = fabric;
      await a.must("/rig/guest/sa stop");
      await node.down();
      await node.start();
      await node.waitForLog(
        `ib0: no subnet administrator at SM LID 1 for the join of ${GROUP}`,
        JOIN_SECONDS,
      );
      await c.must(
        `echo ${UNUSED_LID} > ${DEVICE}/sm_lid; ${raise(Event.Reregister)}`,
      );
      await node.waitForLog(
        `ib0: the subnet administrator does not answer the join of ${GROUP} (SM LID ${UNUSED_LID})`,
        JOIN_SECONDS,
      );
      assertStringIncludes(
        await c.must("ipoib link show -d ib0"),
        "state the subnet administrator does not answer",
      );
      await a.must("/rig/guest/sa");
      await c.must(`echo 1 > ${DEVICE}/sm_lid; ${raise(Event.Reregister)}`);
      await node.waitForLog("ib0: running", JOIN_SECONDS);
    },
  );

  Deno.test("the interface logs that the port is down or has no subnet manager, and runs once it has one", async () => {
    const { c, node } = fabric;
    await node.clearLog();
    await c.must(`echo 0 > ${DEVICE}/sm_lid; ${raise(Event.Reregister)}
      ${raise(Event.Error)}`);
    await node.waitForLog("ib0: waiting for the port (down)", 20);
    await c.must(raise(Event.Active));
    await node.waitForLog("ib0: waiting for the subnet manager", 20);
    await c.must(`echo 1 > ${DEVICE}/sm_lid`);
    await node.waitForLog("ib0: running", JOIN_SECONDS);
  });

  fullTest(
    "a child logs that it waits for its P_Key, then that its broadcast group does not exist",
    async () => {
      const { a, c, node } = fabric;
      await c.must(
        "ipoib child create 0x8003 && ip link set ib0.8003 up",
      );
      await node.waitForLog(
        "ib0.8003: waiting for P_Key 0x8003 in the port's table",
        20,
      );
      await c.must(`echo 9:0x8003 > ${DEVICE}/pkey_table`);
      await node.waitForLog(
        "ib0.8003: broadcast group ff12:401b:8003::ffff:ffff does not exist in partition 0x8003",
        20,
      );
      await a.must(`/rig/guest/sa ${ALL},0x8003`);
      await c.must(raise(Event.Reregister));
      await node.waitForLog("ib0.8003: running", JOIN_SECONDS);
      await c.must(
        `ipoib child delete 0x8003; echo 9:0 > ${DEVICE}/pkey_table`,
      );
      await a.must("/rig/guest/sa");
      await reregister(fabric);
    },
  );
}
