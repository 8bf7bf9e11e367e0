/** Children of one interface that have the same name in different network namespaces, as in containers. */

import { assertEquals } from "@std/assert";
import { Host, labTest, must, until } from "./harness/mod.ts";

function children(host: Host): Promise<unknown[]> {
  return host.show<unknown[]>("child", "list");
}

labTest(
  "Commands and the end of a namespace concern only the child of that name in the namespace",
  async (lab) => {
    const [parent] = await lab.running(1);
    const pods: Host[] = [];
    for (const pkey of ["0x8001", "0x8002"]) {
      const pod = new Host(lab, await lab.namespace(), "");
      pods.push(pod);
      await parent!.ipoib("child", "create", pkey);
      const child = `ib0.${pkey.slice(2)}`;
      await parent!.ip("link", "set", child, "netns", pod.namespace);
      await pod.ip("link", "set", child, "name", "eth0");
    }
    const [first, second] = pods as [Host, Host];
    const pkeyOf = (pod: Host) =>
      until("the child in its namespace", async () => {
        const { code, stdout } = await pod.ipoib("get", "eth0", "pkey");
        return code === 0 ? stdout.trim() : undefined;
      });
    assertEquals([await pkeyOf(first), await pkeyOf(second)], [
      "0x8001",
      "0x8002",
    ]);

    await must(["ip", "netns", "del", second.namespace]);
    await until(
      "the deletion of the second child",
      async () => (await children(parent!)).length === 1,
    );
    assertEquals(await pkeyOf(first), "0x8001");
    assertEquals((await first.ipoib("link", "del", "eth0")).code, 0);
    assertEquals(await children(parent!), []);
  },
);
