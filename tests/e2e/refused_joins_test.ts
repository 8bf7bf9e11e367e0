/** Refused joins: log, `link show -d`, `child list` and `mcg show` name the field that does not match. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  OTHER_QKEY,
  REFUSED_PARTITIONS,
  STATES,
} from "../ipoib/refused_partitions.ts";
import { labTest, startPartitions, until } from "./harness/mod.ts";

labTest(
  "Children on partitions that do not fit, and a group with another Q_Key, show why they are not joined",
  async (lab) => {
    await startPartitions(lab, REFUSED_PARTITIONS);
    const [host] = await lab.running(1);

    const [large] = STATES;
    const child = `ib0.${large!.pkey.toString(16)}`;
    const created = await host.ipoib("child", "create", "0x8011");
    assertEquals([created.code, created.stdout], [0, `${child}\n`]);
    await host.ip("link", "set", child, "up");
    await until(`the state of ${child}`, async () => {
      const { stdout } = await host.ipoib("link", "show", child, "-d");
      return stdout.includes(`    state ${large!.state}\n`);
    });
    const list = await host.ipoib("child", "list");
    assertStringIncludes(list.stdout, `state DOWN ${large!.state}`);
    const groups = await host.ipoib("mcg", "show", child);
    assertStringIncludes(
      groups.stdout,
      'error "status -22" reason "the group has MTU 4096, the port has 2048"\n',
    );
    await host.daemon.prints(
      /multicast join failed for ff12:401b:8011::ffff:ffff, status -22: the group has MTU 4096, the port has 2048\n/,
    );

    await host.ip(
      "addr",
      "add",
      `${OTHER_QKEY.address}/32`,
      "dev",
      "ib0",
      "autojoin",
    );
    await until("the reason for the group with another Q_Key", async () => {
      const records = await host.show<{ mgid: string; reason?: string }[]>(
        ...["mcg", "show", "ib0"],
      );
      const group = records.find(({ mgid }) => mgid.endsWith(":f01:101"));
      return group?.reason === OTHER_QKEY.reason;
    });
    assertEquals((await host.link()).state, "running");
  },
);
