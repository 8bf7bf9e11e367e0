/**
 * What happens to a fabric, and that traffic with our interface comes back within five seconds, or within the kernel's own time
 * where that is longer: each event is raised on our port and on that of a kernel's ib_ipoib, and both are measured at once.
 */

import { assert, assertNotEquals } from "@std/assert";
import { type Fabric, OURS } from "../../../scripts/rig/fabric.ts";
import { report } from "../../../scripts/rig/report.ts";
import { DEVICE } from "../../../scripts/rig/node.ts";
import {
  type Flow,
  type Outage,
  outages,
} from "../../../scripts/rig/outage.ts";
import { FULL } from "../../../scripts/test/form.ts";

/** On a usual machine. */
const LIMIT_MS = 5000;
/** Numbers of `enum ib_event_type`. */
const Event = { Active: 9, Error: 10, SmChange: 13, Reregister: 17 } as const;

const raise = (event: number) => `echo ${event} > ${DEVICE}/event`;

/** To and from ours, then to and from the kernel's beside it. */
function flows({ a, b, c }: Fabric, net = "10.44.0"): Flow[] {
  return [
    { name: "to ours", from: a, to: `${net}.3` },
    { name: "from ours", from: c, to: `${net}.1` },
    { name: "to the kernel's", from: a, to: `${net}.2` },
    { name: "from the kernel's", from: b, to: `${net}.1` },
  ];
}

/**
 * Ours is back in time. Where the kernel's beside it took longer than the limit, the fabric itself stood still, and both
 * are within the limit of each other.
 */
function assertBack({ c }: Fabric, found: readonly Outage[]): void {
  const limit = c.patient(LIMIT_MS);
  const [toOurs, fromOurs, toKernel, fromKernel] = found as [
    Outage,
    Outage,
    Outage,
    Outage,
  ];
  const allowed = (kernel: Outage) =>
    kernel.pauseMs > limit ? kernel.pauseMs + limit : limit;
  assert(toOurs.pauseMs <= allowed(toKernel), JSON.stringify(found));
  assert(fromOurs.pauseMs <= allowed(fromKernel), JSON.stringify(found));
}

/** The same script on the kernel's guest and on ours. */
function onBoth({ b, c }: Fabric, script: string): Promise<unknown> {
  return Promise.all([b.must(script), c.must(script)]);
}

export function recovery(fabric: Fabric): void {
  const survives = (title: string, script: string) =>
    Deno.test(`traffic survives ${title}`, async () => {
      const inject = () => onBoth(fabric, script);
      assertBack(
        fabric,
        await outages(flows(fabric), { title, inject, limit: 30 }),
      );
    });

  survives("a client reregister", raise(Event.Reregister));
  survives("a change of the SM", raise(Event.SmChange));
  survives(
    "a port that goes down and up",
    `${raise(Event.Error)}; sleep 1; ${raise(Event.Active)}`,
  );

  Deno.test("traffic survives a P_Key that moves in the port's table, and one that goes and comes back", async () => {
    await fabric.b.must("/rig/guest/kernel-ipoib ib0.8001 10.45.0.2/24");
    const children = flows(fabric, "10.45.0");
    const table = (entries: string[]) =>
      onBoth(
        fabric,
        entries.map((entry) => `echo ${entry} > ${DEVICE}/pkey_table`).join(
          "\n",
        ),
      );
    assertBack(
      fabric,
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
    assertBack(
      fabric,
      await outages(children, {
        title: "P_Key 0x8001 back at index 1",
        inject: () => table(["1:0x8001"]),
        limit: 30,
      }),
    );
  });

  Deno.test("a restart of ours with another QPN: the kernel's traffic comes back within five seconds", async () => {
    const { a, b, node } = fabric;
    const before = await node.link();
    let restart = 0;
    const toOurs = [a, b].map((from) => ({
      name: `${from.name} to ours`,
      from,
      to: OURS,
    }));
    const found = await outages(toOurs, {
      title: "a restart of ours",
      inject: async () => {
        const start = performance.now();
        await node.down();
        await node.up();
        restart = performance.now() - start;
      },
      limit: 30,
    });
    // The pause is nearly all of it the start of a process in an emulated machine.
    report(`to take it down and start it took ${restart.toFixed(0)} ms`);
    assertNotEquals((await node.link()).qpn, before.qpn);
    for (const { resumedMs } of found) {
      assert(resumedMs <= fabric.c.patient(LIMIT_MS), `${resumedMs} ms`);
    }
  });

  Deno.test("traffic survives a restart of the subnet administrator, which forgets all groups", async () => {
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
    assertBack(fabric, found);
    const groups = await a.must("cat /run/sa.json");
    const { gid } = await fabric.node.link();
    assert(
      groups.includes(gid.split(":").at(-1)!),
      `${gid} is in no group: ${groups}`,
    );
    assert((await c.must("ipoib mcg show ib0")).includes("joined attached"));
  });

  Deno.test("traffic survives a change of our LID as it survives one of the kernel's: when the SM tells the others", async () => {
    const { a, b, c, node } = fabric;
    const move = async (ours: number, kernels: number) => {
      await b.must(`echo ${kernels} > ${DEVICE}/lid`);
      await c.must(`echo ${ours} > ${DEVICE}/lid`);
    };
    const tell = () => a.must(raise(Event.Reregister));
    const moved = () => move(0x13, 0x12);
    // The kernel does not come back by itself, which takes the whole limit to see.
    if (!FULL) await moved();
    else {
      const title = "another LID, peers not notified";
      const inject = moved;
      assertBack(
        fabric,
        await outages(flows(fabric), { title, inject, limit: 12 }),
      );
    }
    assert((await node.link()).hca.lid === 0x13);
    const told = await outages(flows(fabric), {
      title: "another LID, and the peer has a client reregister",
      inject: tell,
      limit: 30,
    });
    for (const { resumedMs } of told.slice(0, 2)) {
      assert(resumedMs <= fabric.c.patient(LIMIT_MS), `${resumedMs} ms`);
    }
    await move(3, 2);
    await tell();
  });
}
