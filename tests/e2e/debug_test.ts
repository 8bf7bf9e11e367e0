/** The driver's debug levels and debugfs tables. */

import { assertEquals, assertMatch } from "@std/assert";
import { labTest, membershipSockets, until } from "./harness/mod.ts";

labTest(
  "ipoib param mcast_debug_level logs joins and leaves, and maddr show prints what ip maddr does",
  async (lab) => {
    const [a] = await lab.running(1);
    assertEquals((await a.ipoib("param", "mcast_debug_level")).stdout, "0\n");
    const shown = async (): Promise<[string, string]> => [
      (await a.ipoib("maddr", "show", "ib0")).stdout,
      (await a.ip("maddr", "show", "dev", "ib0")).replace(/^\tlink.*\n/gm, ""),
    ];
    {
      using _silent = await membershipSockets(a, 1);
      await until("a group", async () =>
        (await a.ipoib("debug", "mcg")).stdout
          .match(/^GID/gm)!.length > 2);
    }
    // The two list the groups in different orders.
    const sorted = async () =>
      (await shown()).map((text) => text.split("\n").sort().join("\n"));
    await until("the last leave", async () => {
      const [ours, kernels] = await sorted();
      return ours === kernels;
    });
    assertEquals(a.daemon.output.includes("joining MGID"), false);
    const { code } = await a.ipoib("param", "ib0", "mcast_debug_level", "1");
    assertEquals(code, 0);
    {
      using _logged = await membershipSockets(a, 1);
      await a.daemon.prints(
        / ib0: join completion for ff12:401b:\S+ \(status 0\)$/m,
      );
    }
    await a.daemon.prints(/ ib0: leaving MGID ff12:401b:/);
  },
);

labTest("ipoib debug mcg and path have the layout of debugfs", async (lab) => {
  const [a, b] = await lab.running(2);
  await a.reaches(b);
  assertMatch(
    (await a.ipoib("debug", "mcg", "ib0")).stdout,
    /^GID: ff12:401b:ffff:0:0:0:ffff:ffff\n {2}created: {1,10}\d+\n {2}queuelen: {9}0\n {2}complete: {7}yes\n {2}send_only: {7}no\n\n/m,
  );
  assertMatch(
    (await a.ipoib("debug", "path", "ib0")).stdout,
    /^GID: fe80(:[0-9a-f]+){7}\n {2}complete: {4}yes\n {2}DLID: {5}0x000\d\n {2}SL: {12}0\n {2}rate: +\d+\.\d+ Gb\/sec\n\n$/,
  );
});
