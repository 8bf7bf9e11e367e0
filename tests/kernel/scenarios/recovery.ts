/**
 * Events on a fabric. Each event occurs on the port of ipoib and on that of an ib_ipoib at the same time, and the
 * outages of both are measured. The outage of ipoib lasts five seconds at most. If that of ib_ipoib is longer than five
 * seconds, ipoib may take five seconds more than ib_ipoib.
 */

import { assert, assertNotEquals } from "@std/assert";
import { Event, raise } from "../../../scripts/rig/events.ts";
import { type Fabric, OURS } from "../../../scripts/rig/fabric.ts";
import { report } from "../../../scripts/rig/report.ts";
import { DEVICE } from "../../../scripts/rig/node.ts";
import { type Outage, outages } from "../../../scripts/rig/outage.ts";
import { FULL, fullTest } from "../../../scripts/test/form.ts";
import { assertPauses, flows, onBoth } from "../flows.ts";

/** Maximum outage at normal machine speed. */
const LIMIT_MS = 5000;

export function recovery(fabric: Fabric): void {
  const assertRecovered = (found: readonly Outage[]) =>
    assertPauses(fabric, found, LIMIT_MS);
  const recovers = (
    title: string,
    script: string,
    test: (name: string, run: () => Promise<void>) => void = Deno.test,
  ) =>
    test(`traffic recovers after ${title}`, async () => {
      const inject = () => onBoth(fabric, script);
      assertRecovered(
        await outages(flows(fabric), { title, inject, limit: 30 }),
      );
    });

  recovers("a client reregister", raise(Event.Reregister));
  // Handled as a client reregister is.
  recovers("a change of the SM", raise(Event.SmChange), fullTest);
  recovers(
    "a port error and a port active event",
    `${raise(Event.Error)}; sleep 1; ${raise(Event.Active)}`,
  );

  Deno.test("traffic recovers after a P_Key moves in the port's table, and after it is removed and added", async () => {
    await fabric.b.must("/rig/guest/kernel-ipoib ib0.8001 10.45.0.2/24");
    const children = flows(fabric, "10.45.0");
    const table = (entries: string[]) =>
      onBoth(
        fabric,
        entries.map((entry) => `echo ${entry} > ${DEVICE}/pkey_table`).join(
          "\n",
        ),
      );
    assertRecovered(
      await outages(children, {
        title: "P_Key 0x8001 from index 1 to 5",
        inject: () => table(["5:0x8001", "1:0x0000"]),
        limit: 30,
      }),
    );
    const link = await fabric.node.link("ib0.8001");
    assert(link.pkey_index === 5, `index ${link.pkey_index}`);
    await table(["5:0x0000"]);
    const without = await fabric.node.link("ib0.8001");
    assert(
      without.state === "waiting for P_Key 0x8001 in the port's table",
      without.state,
    );
    assertRecovered(
      await outages(children, {
        title: "P_Key 0x8001 back at index 1",
        inject: () => table(["1:0x8001"]),
        limit: 30,
        down: true,
      }),
    );
  });

  Deno.test("traffic of ib_ipoib recovers within five seconds after ipoib restarts with another QPN", async () => {
    const { a, b, node } = fabric;
    const before = await node.link();
    let restart = 0;
    const toOurs = [a, b].map((from) => ({
      name: `${from.name} to ipoib`,
      from,
      to: OURS,
    }));
    const found = await outages(toOurs, {
      title: "a restart of ipoib",
      inject: async () => {
        const start = performance.now();
        await node.down();
        await node.up();
        restart = performance.now() - start;
      },
      limit: 30,
    });
    // Most of the pause is the start of a process in an emulated machine.
    report(`down and up took ${restart.toFixed(0)} ms`);
    assertNotEquals((await node.link()).qpn, before.qpn);
    for (const { resumedMs } of found) {
      assert(resumedMs <= fabric.c.patient(LIMIT_MS), `${resumedMs} ms`);
    }
  });

  Deno.test("traffic recovers after a restart of the subnet administrator, which loses all groups", async () => {
    const { a, c } = fabric;
    const found = await outages(flows(fabric), {
      title: "a restart of the SA",
      inject: async () => {
        await a.must("/rig/guest/sa stop; sleep 1; /rig/guest/sa");
        await Promise.all([
          onBoth(fabric, raise(Event.Reregister)),
          a.must(raise(Event.Reregister)),
        ]);
      },
      limit: 30,
    });
    assertRecovered(found);
    const groups = await a.must("cat /run/sa.json");
    const { gid } = await fabric.node.link();
    assert(
      groups.includes(gid.split(":").at(-1)!),
      `${gid} is in no group: ${groups}`,
    );
    assert((await c.must("ipoib mcg show ib0")).includes("joined attached"));
  });

  Deno.test("traffic recovers after the LIDs of ipoib and ib_ipoib change and the peer receives a client reregister", async () => {
    const { a, b, c, node } = fabric;
    const move = async (ours: number, kernels: number) => {
      await b.must(`echo ${kernels} > ${DEVICE}/lid`);
      await c.must(`echo ${ours} > ${DEVICE}/lid`);
    };
    const reregister = () => a.must(raise(Event.Reregister));
    const moved = () => move(0x13, 0x12);
    // Without a notification, traffic of ib_ipoib does not recover, so that this measurement takes the whole time
    // limit.
    if (!FULL) await moved();
    else {
      const title = "another LID, peers not notified";
      const inject = moved;
      assertRecovered(
        await outages(flows(fabric), { title, inject, limit: 12 }),
      );
    }
    assert((await node.link()).hca.lid === 0x13);
    const notified = await outages(flows(fabric), {
      title: "another LID, peer notified",
      inject: reregister,
      limit: 30,
      down: true,
    });
    for (const { resumedMs } of notified.slice(0, 2)) {
      assert(resumedMs <= fabric.c.patient(LIMIT_MS), `${resumedMs} ms`);
    }
    await move(3, 2);
    await reregister();
  });
}
