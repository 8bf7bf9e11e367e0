/** Two InfiniBand ports in one machine: `ipoib up` creates an interface on each, in one process. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Fabric } from "../../../scripts/rig/fabric.ts";
import { fullTest } from "../../../scripts/test/form.ts";

export function ports(fabric: Fabric): void {
  fullTest(
    "up without a name creates an interface on each port, also on a port whose SM LID no port has",
    async () => {
      const { c, node } = fabric;
      await node.down();
      await c.must(
        `ip link add p1 address 52:54:00:00:00:21 mtu 4500 type veth peer name p2
       ip link set p1 up; ip link set p2 up
       rdma link add ibx1 type rxeib netdev p1
       echo 32 > /sys/class/infiniband/ibx1/sm_lid`,
      );
      await node.start();
      await node.waitForLog("ib0: running", 60);
      await node.waitForLog(
        "ib1: the subnet administrator does not answer the join of broadcast group ff12:401b:ffff::ffff:ffff (SM LID 32)",
        40,
      );
      const [first, second] = [await node.link("ib0"), await node.link("ib1")];
      assertEquals(
        [first, second].map(({ hca: { device, port } }) => `${device}/${port}`),
        ["ibx0/1", "ibx1/1"],
      );
      assertEquals(first.pid, second.pid);
      assertEquals([first.pkey, second.pkey], ["0xffff", "0xffff"]);
      await c.must("ipoib down ib1");
      assertStringIncludes(await c.must("ipoib link show"), "ib0:");
      await node.addAddress();
      await c.must("rdma link del ibx1; ip link del p1");
      assertEquals((await node.link()).state, "running");
    },
  );
}
