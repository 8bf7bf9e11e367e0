/** `ipoib upgrade` under traffic with ib_ipoib, and `ipoib up --persist` after a kill, on the port of a device. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Fabric, KERNELS, OURS } from "../../../scripts/rig/fabric.ts";
import { outages } from "../../../scripts/rig/outage.ts";
import { unresolved } from "../../../scripts/rig/ping.ts";
import { fullTest } from "../../../scripts/test/form.ts";

/**
 * Longest time without traffic in an upgrade. It is a second on a host (tests/e2e/upgrade_test.ts); the processor of a
 * guest is emulated, and runs code for the first time more than ten times slower.
 */
const PAUSE_MS = 5000;
const UPGRADE_SECONDS = 60;
const EXIT_NOT_RUNNING = 3;
const CHILD = "ib0.8001";
const CHILD_PKEY = 0x8001;
const OUR_CHILD = "10.45.0.3";
const IPV6 = "fd44::3";
const ROUTE = "10.77.0.0/16";

export function restart(fabric: Fabric): void {
  /** The addresses, IPv4 routes and MTUs of interfaces, as text. */
  const configuration = (...names: string[]) =>
    fabric.c.must(
      `for i in ${names.join(" ")}; do
         ip -o addr show dev $i
         ip -4 route show dev $i
         cat /sys/class/net/$i/mtu
       done | sed 's/ tentative//; s/ linkdown//; s/ *$//'`,
    );

  fullTest(
    "an upgrade on the port of a device keeps the addresses, and traffic with ib_ipoib stops briefly",
    async () => {
      const { a, c, node } = fabric;
      const { pid } = await node.link();
      const before = await configuration("ib0");
      let output = "";
      const found = await outages([
        { name: "to ipoib", from: a, to: OURS },
        { name: "from ipoib", from: c, to: KERNELS[0] },
      ], {
        title: "an upgrade of ipoib",
        inject: async () => {
          output = await c.must("ipoib upgrade ib0", UPGRADE_SECONDS);
        },
        limit: 30,
      });
      assertMatch(
        output,
        /^ib0: version .+ has replaced version .+ \(pid \d+\)$/m,
      );
      const late = () =>
        found.some(({ pauseMs }) => pauseMs > c.patient(PAUSE_MS));
      // The machine may have become slower since its start.
      if (late()) await c.measure();
      assert(!late(), JSON.stringify(found));
      const after = await node.link();
      assertEquals(after.state, "running");
      assert(after.pid !== pid);
      assertEquals(await configuration("ib0"), before);
    },
  );

  fullTest(
    "a killed process on the port of a device leaves its interfaces with --persist, and the next one has their addresses and routes",
    async () => {
      const { a, c, node } = fabric;
      await node.down();
      await node.up("--persist");
      await node.child(CHILD_PKEY, OUR_CHILD);
      await node.waitForLog(`${CHILD}: running`, 40);
      await c.must(
        `ip addr add ${IPV6}/64 dev ib0 && ip route add ${ROUTE} via ${
          KERNELS[0]
        }`,
      );
      const all = () => configuration("ib0", CHILD);
      const before = await all();

      await node.kill();
      assertEquals(await all(), before);
      assertMatch(await c.must("ip link show dev ib0"), /NO-CARRIER/);
      const { code, output } = await c.run("ipoib link show ib0");
      assertEquals(code, EXIT_NOT_RUNNING, output);
      assertMatch(output, /its process has left the network device/);

      await node.start("--persist");
      await node.waitForLog("ib0: running", 60);
      await node.waitForLog(`${CHILD}: running`, 40);
      assertEquals(await all(), before);
      assertEquals(await unresolved(a, [OURS]), []);
      assertEquals(await unresolved(c, [KERNELS[0]]), []);

      await node.down();
      for (const name of ["ib0", CHILD]) {
        assertEquals((await c.run(`ip link show dev ${name}`)).code, 1);
      }
      await node.up();
    },
  );
}
