/** A router between two subnets, with an interface on each. */

import { assertEquals, assertGreater } from "@std/assert";
import { Host, iperf, iperfServer } from "./harness/mod.ts";
import { nextHopsTest } from "./harness/next_hops.ts";

nextHopsTest(
  "A router with interfaces on two subnets forwards in both directions",
  async (lab, source) => {
    const at = async (address: string) =>
      new Host(lab, await lab.namespace(), address);
    const left = await at("10.11.0.1");
    const router = await at("10.11.0.254");
    const right = await at("10.12.0.1");
    const args = (subnet: string) => [
      ...["--hca", `soft:${subnet}`],
      ...["--next-hops", source],
    ];
    const other = router.ipoib("up", "ib1", "--background", ...args("right"));
    await Promise.all([
      left.up({ args: args("left") }),
      router.up({ args: args("left") }),
      right.up({ args: args("right") }),
    ]);
    assertEquals((await other).code, 0, (await other).stderr);
    await router.ip("addr", "add", "10.12.0.254/24", "dev", "ib1");
    await router.must("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward");
    await left.ip("route", "add", "default", "via", "10.11.0.254");
    await right.ip("route", "add", "default", "via", "10.12.0.254");

    assertEquals(await left.ping(right), { sent: 5, received: 5 });
    assertEquals(await right.ping(left), { sent: 5, received: 5 });
    // A route that applies only to packets received on ib0.
    await right.ip("addr", "add", "10.13.0.1/32", "dev", "lo");
    const table = ["table", "100"];
    await router.ip("route", "add", "10.13.0.1", "via", "10.12.0.1", ...table);
    await router.ip("rule", "add", "iif", "ib0", ...table);
    assertEquals(await left.ping("10.13.0.1"), { sent: 5, received: 5 });
    assertEquals(await router.reaches("10.13.0.1"), false);

    await iperfServer(right);
    const { received } = await iperf(left, right.address, "--bidir");
    assertGreater(received, 1e6);
  },
);
