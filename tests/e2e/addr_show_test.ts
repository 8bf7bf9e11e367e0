/** `ipoib addr show` prints what `ip addr` prints, with link-layer addresses. */

import { assertEquals, assertMatch } from "@std/assert";
import { labTest, until } from "./harness/mod.ts";

const LINK = /^ {4}link\/infiniband.*$/m;

labTest(
  "addr show prints what ip addr prints, and the 20-byte address",
  async (lab) => {
    const [host] = await lab.running(1);
    const add = (...words: string[]) =>
      host.ip("addr", "add", ...words, "dev", "ib0");
    await add("10.9.0.77/24", "brd", "+");
    await add(
      "10.7.0.2",
      "peer",
      "10.7.0.3/32",
      "metric",
      "5",
      "label",
      "ib0:x",
    );
    await add("fd00::2/64", "nodad", "noprefixroute");
    const { address } = await host.link();
    for (const options of [[], ["-4"], ["-6"], ["-o"], ["-br"], ["-6", "-o"]]) {
      await until(`equal addresses ${options.join(" ")}`, async () => {
        const shown = await host.ipoib(...options, "addr", "show", "ib0");
        assertEquals([shown.code, shown.stderr], [0, ""]);
        const ofIp = await host.ip(...options, "addr", "show", "dev", "ib0");
        return shown.stdout.replace(LINK, "    link/infiniband ") === ofIp;
      });
    }
    const { stdout } = await host.ipoib("a");
    assertMatch(
      stdout,
      new RegExp(`^ {4}link/infiniband ${address} brd 00:ff:`, "m"),
    );
    const [ours] = await host.show<{ addr_info: unknown }[]>("addr");
    const [theirs] = JSON.parse(
      await host.ip("-j", "addr", "show", "dev", "ib0"),
    );
    assertEquals(ours!.addr_info, theirs.addr_info);
  },
);
