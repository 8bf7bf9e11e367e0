/**
 * The device of ipoib is removed and added again, or reports a fatal error, while pings pass in both directions on the
 * interface and on a child; its events, and doctor, name what has happened. (The kernel's ib_ipoib deletes its interfaces
 * when the device is removed.)
 *
 * A driver that does not support the removal of a device in use lets `rdma link delete` wait until ipoib has closed it.
 */

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { Event, raise } from "../../../scripts/rig/events.ts";
import { type Fabric, KERNELS, OURS } from "../../../scripts/rig/fabric.ts";
import { type Flow, outages } from "../../../scripts/rig/outage.ts";
import { fullTest } from "../../../scripts/test/form.ts";
import { wrongSums } from "../../statistics_sums.ts";
import { examine } from "../doctor.ts";
import { eventsSince, guestTime } from "../recorded_events.ts";

const CHILD = "ib0.8001";
const CHILD_PKEY = 0x8001;
const OUR_CHILD = "10.45.0.3";
const KERNEL_CHILD = "10.45.0.1";
/** Time until ipoib has closed the device: it looks for the device file once per second. */
const CLOSE_SECONDS = 20;
/** Time from the return of the device to the first reply: ipoib looks once per second, and joins its groups. */
const RESUME_MS = 20_000;
/** Time limit of the flows. */
const LIMIT_SECONDS = 60;
const WAITING = "waiting for device ibx0: ";
/** The reasons of the loss, at the end of their text: the removal may have been noticed as a failure. */
const REMOVED = "it was removed";
const FATAL = "it reported a fatal error";
const LOST = "the device is lost";
const BACK = "the device is back";

export function lostDevice(fabric: Fabric): void {
  const flows = (): Flow[] => {
    const { a, c } = fabric;
    return [
      { name: "to ipoib", from: a, to: OURS },
      { name: "from ipoib", from: c, to: KERNELS[0] },
      { name: "to its child", from: a, to: OUR_CHILD },
      { name: "from its child", from: c, to: KERNEL_CHILD },
    ];
  };
  /** The addresses of the interface and the child, as text. */
  const addresses = () =>
    fabric.c.must(
      `for i in ib0 ${CHILD}; do ip -4 -o addr show dev $i; done`,
    );
  const assertWaiting = async (...names: string[]) => {
    for (const name of names) {
      const { state, qpn } = await fabric.node.link(name);
      assertStringIncludes(state, WAITING);
      assertEquals(qpn, 0);
      assertStringIncludes(
        await fabric.c.must(`ip link show dev ${name}`),
        "NO-CARRIER",
      );
    }
  };
  /** Checks the events since a time of the guest: the loss of the device, its return, and what followed. */
  const assertEvents = async (since: number, reason: string) => {
    const { c } = fabric;
    const events = await eventsSince(c, since, "ib0", "link fabric");
    const children = await eventsSince(c, since, CHILD, "link");
    const all = [...events, ...children].join("\n");
    const port = (event: string) => `^fabric ${event} ibx0/1: `;
    for (
      const line of [
        `${port("device")}present -> .*, cause: ${LOST}$`,
        `${port("device")}.*${reason} -> present, cause: ${BACK}$`,
        `${port("port")}active -> down, cause: ${LOST}$`,
        `${port("port")}down -> active, cause: ${BACK}$`,
        ...["ib0", CHILD].flatMap((name) => [
          `^link state ${name}: running -> ${WAITING}.*, cause: ${LOST}$`,
          `^link state ${name}: .* -> ${WAITING}.*${reason}, cause: ${LOST}$`,
        ]),
      ]
    ) assertMatch(all, new RegExp(line, "m"));
    for (const lines of [events, children]) {
      const states = lines.filter((line) => line.startsWith("link state "));
      assertMatch(states.at(-1) ?? "", / -> running, cause: /);
    }
  };
  const assertUnchanged = async (before: string, pid: number) => {
    assertEquals(await addresses(), before);
    for (const name of ["ib0", CHILD]) {
      const link = await fabric.node.link(name);
      assertEquals([link.state, link.pid], ["running", pid]);
    }
    assertEquals(wrongSums(await fabric.node.statistics()), []);
  };

  fullTest(
    "traffic of ipoib and its child returns after the device was removed and added again; names, addresses and the child remain",
    async () => {
      const { a, c, node } = fabric;
      await a.must(`/rig/guest/kernel-ipoib ${CHILD} ${KERNEL_CHILD}/24`);
      await node.clearLog();
      await node.child(CHILD_PKEY, OUR_CHILD);
      await node.waitForLog(`${CHILD}: running`, 40);
      const { pid } = await node.link();
      const before = await addresses();
      const since = await guestTime(c);
      const found = await outages(flows(), {
        title: "the device removed and added again",
        limit: LIMIT_SECONDS,
        inject: async () => {
          await node.clearLog();
          await c.must("rdma link delete ibx0", CLOSE_SECONDS);
          await node.waitForLog(`ib0: ${WAITING}`, CLOSE_SECONDS);
          await assertWaiting("ib0", CHILD);
          assertEquals(await addresses(), before);
          // A child that is created meanwhile waits too.
          await c.must(
            "ipoib child create 0x8002 && ip link set ib0.8002 up",
          );
          await assertWaiting("ib0.8002");
          const { rest } = await examine(c, "ipoib -j doctor ib0");
          assertMatch(
            rest.join("\n"),
            new RegExp(`^failure device: ibx0 is lost: .*${REMOVED}$`, "m"),
          );
          await c.must("rdma link add ibx0 type rxeib netdev eth0");
        },
      });
      for (const { resumedMs } of found) {
        assert(resumedMs <= c.patient(RESUME_MS), JSON.stringify(found));
      }
      await node.waitForLog("ib0.8002: running", 40);
      await c.must("ipoib child delete 0x8002");
      await assertEvents(since, REMOVED);
      await assertUnchanged(before, pid);
    },
  );

  fullTest(
    "traffic of ipoib and its child returns after the device has reported a fatal error, and ipoib ends while the device is removed",
    async () => {
      const { c, node } = fabric;
      const { pid } = await node.link();
      const before = await addresses();
      const since = await guestTime(c);
      const found = await outages(flows(), {
        title: "a fatal error of the device",
        limit: LIMIT_SECONDS,
        inject: async () => {
          await node.clearLog();
          await c.must(raise(Event.Fatal));
          await node.waitForLog(`ib0: ${WAITING}${FATAL}`, CLOSE_SECONDS);
        },
      });
      for (const { resumedMs } of found) {
        assert(resumedMs <= c.patient(RESUME_MS), JSON.stringify(found));
      }
      await assertEvents(since, FATAL);
      await assertUnchanged(before, pid);

      await node.clearLog();
      await c.must("rdma link delete ibx0", CLOSE_SECONDS);
      await node.waitForLog(`ib0: ${WAITING}`, CLOSE_SECONDS);
      await node.down();
      assertEquals((await c.run("ip link show dev ib0")).code, 1);
      await c.must("rdma link add ibx0 type rxeib netdev eth0");
      await node.up();
    },
  );
}
