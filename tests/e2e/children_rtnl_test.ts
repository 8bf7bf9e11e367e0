/** Child interfaces created by `link add` and by sysfs attributes. */

import { assertEquals, assertMatch } from "@std/assert";
import { createChild, Host, labTest, until } from "./harness/mod.ts";

labTest(
  "link add creates a child interface of any name, and link del deletes it",
  async (lab) => {
    const [a, b] = await lab.running(2);
    for (const [i, host] of [a, b].entries()) {
      const added = await host.ipoib(
        ...["link", "add", "link", "ib0", "name", "storage"],
        ...["type", "ipoib", "pkey", "0x8001", "mode", "datagram"],
        ...["umcast", "1"],
      );
      assertEquals([added.code, added.stdout, added.stderr], [0, "", ""]);
      await host.ip("link", "set", "storage", "up");
      await host.call("wait", { name: "storage" });
      await host.ip("addr", "add", `10.81.0.${i + 1}/24`, "dev", "storage");
    }
    assertEquals(await a.ping("10.81.0.2"), { sent: 5, received: 5 });
    const [link] = await a.show<{ link: string; pkey: string }[]>(
      ...["link", "show", "storage"],
    );
    assertEquals([link!.link, link!.pkey], ["ib0", "0x8001"]);
    // No other program uses the port, so that umcast keeps no group from being joined.
    await until("the membership of the all-hosts group", async () => {
      const { stdout } = await a.ipoib("mcg", "show", "storage");
      return /ff12:401b:8001::1 .* full joined attached/.test(stdout);
    });
    assertEquals((await a.ipoib("get", "storage", "mode")).code, 2);
    assertEquals((await a.ipoib("get", "storage", "mtu")).stdout, "2044\n");

    const again = await a.ipoib(
      ...["link", "add", "link", "ib0", "name", "storage", "type", "ipoib"],
    );
    assertEquals(again.code, 2);
    assertMatch(again.stderr, /storage.*taken/);
    const nested = await a.ipoib(
      ...["link", "add", "link", "storage", "name", "x", "type", "ipoib"],
    );
    assertEquals(nested.code, 2);

    const parent = await a.ipoib("link", "del", "ib0");
    assertEquals([parent.code, parent.stdout], [0, ""]);
    assertMatch(parent.stderr, /is a parent interface and was not deleted/);
    const removed = await a.ipoib("link", "del", "storage");
    assertEquals([removed.code, removed.stderr], [0, ""]);
    assertEquals((await a.run(["ip", "link", "show", "storage"])).code, 1);
    assertEquals((await a.ipoib("link", "show", "storage")).code, 3);
    // As with the kernel driver, `ip link del` also deletes it.
    await b.ip("link", "del", "storage");
    await until(
      "the removal of the child",
      async () => (await b.call("child.list", {})).length === 0,
    );
    assertEquals(await a.ping(b), { sent: 5, received: 5 });
  },
);

labTest(
  "two interfaces with the same P_Key share the memberships of the port",
  async (lab) => {
    const [a, b] = await lab.running(2);
    await a.call("link.add", { link: "ib0", name: "twin" });
    await a.ip("link", "set", "twin", "up");
    await a.call("wait", { name: "twin" });
    await a.ip("addr", "add", "10.82.0.1/24", "dev", "twin");
    await b.ip("addr", "add", "10.82.0.2/24", "dev", "ib0");
    assertEquals(await a.ping("10.82.0.2"), { sent: 5, received: 5 });
    assertEquals(await a.ping(b), { sent: 5, received: 5 });
    assertEquals((await a.ipoib("down", "twin")).code, 0);
    // The parent still receives broadcasts.
    await b.ipoib("neigh", "flush", "ib0");
    assertEquals(await b.ping(a), { sent: 5, received: 5 });
  },
);

labTest(
  "two children with the same P_Key, in two namespaces, reach each other and a third host; one keeps its groups when the other is deleted",
  async (lab) => {
    const [here, third] = await lab.running(2);
    const there = new Host(lab, await lab.namespace(), "10.83.0.2");
    const child = await createChild(here, "0x8001", "10.83.0.1/24");
    await here.call("link.add", { link: "ib0", name: "other", pkey: 0x8001 });
    await here.ip("link", "set", "other", "netns", there.namespace);
    await there.ip("link", "set", "other", "up");
    await there.ip("addr", "add", "10.83.0.2/24", "dev", "other");
    await here.call("wait", { name: "other" });
    const far = await createChild(third, "0x8001", "10.83.0.3/24");
    await third.call("wait", { name: far });
    const every = { sent: 5, received: 5 };
    assertEquals(await here.ping("10.83.0.2"), every);
    assertEquals(await there.ping("10.83.0.1"), every);
    assertEquals(await third.ping("10.83.0.1"), every);
    assertEquals(await third.ping("10.83.0.2"), every);
    assertEquals((await here.ipoib("child", "delete", "0x8001")).code, 0);
    await third.ipoib("neigh", "flush", far);
    assertEquals(await third.ping("10.83.0.2"), every);
    assertEquals((await here.run(["ip", "link", "show", child])).code, 1);
  },
);

labTest(
  "create_child and delete_child create and delete child interfaces",
  async (lab) => {
    const [a] = await lab.running(1);
    const set = async (...words: string[]) => {
      const { code, stdout } = await a.ipoib("set", ...words);
      assertEquals(stdout, "");
      return code;
    };
    assertEquals(await set("ib0", "create_child", "0x8001"), 0);
    assertEquals(await set("create_child", "32770"), 0);
    assertEquals(await set("ib0", "create_child", "0x8001"), 2);
    assertEquals(await set("ib0", "create_child", "much"), 2);
    assertEquals(await set("ib0.8001", "create_child", "1"), 2);
    assertEquals(await set("ib0.8001", "umcast", "1"), 0);
    assertEquals((await a.ipoib("get", "ib0.8001", "umcast")).stdout, "1\n");
    await a.ip("link", "show", "ib0.8002");
    assertEquals(await set("ib0", "delete_child", "0x8002"), 0);
    assertEquals((await a.run(["ip", "link", "show", "ib0.8002"])).code, 1);
    assertEquals(await set("ib0", "mtu", "1500"), 0);
    const [link] = JSON.parse(await a.ip("-j", "link", "show", "ib0"));
    assertEquals(link.mtu, 1500);
    assertEquals(await set("ib0", "mode", "datagram"), 0);
    assertEquals(await set("ib0", "mode", "fast"), 2);
  },
);
