/** Child interfaces: interfaces in other partitions on the same port. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Host, labTest, until } from "./harness/mod.ts";

const CHILD = "ib0.8001";

async function isUp(host: Host, name: string): Promise<boolean> {
  const { code, stdout } = await host.run(["ip", "-j", "link", "show", name]);
  return code === 0 && JSON.parse(stdout)[0].flags.includes("LOWER_UP");
}

async function createChild(host: Host, address: string): Promise<void> {
  const created = await host.ipoib("child", "create", "0x8001");
  assertEquals([created.code, created.stdout], [0, `${CHILD}\n`]);
  await host.ip("link", "set", CHILD, "up");
  await host.ip("addr", "add", address, "dev", CHILD);
  await until(`${CHILD} is up`, () => isUp(host, CHILD));
}

labTest(
  "Child interfaces on two hosts reach each other in their partition only",
  async (lab) => {
    const [a, b] = await lab.running(2);
    await Promise.all([
      createChild(a, "10.81.0.1/24"),
      createChild(b, "10.81.0.2/24"),
    ]);
    assertEquals(await a.ping("10.81.0.2"), { sent: 5, received: 5 });
    assertEquals(await a.ping(b), { sent: 5, received: 5 });

    const [link] = await a.show<Link[]>("link", "show", CHILD);
    assertEquals([link!.ifname, link!.link, link!.pkey], [
      CHILD,
      "ib0",
      "0x8001",
    ]);
    assertMatch(link!.broadcast, /:80:01:/);
    const [parent] = await a.show<Link[]>("link", "show", "ib0");
    assert(parent!.address !== link!.address);
    const children = await a.show<Link[]>("child", "list");
    assertEquals(children.map(({ ifname }) => ifname), [CHILD]);
    assertEquals((await a.ipoib("get", CHILD, "parent")).stdout.trim(), "ib0");
    assertEquals((await a.ipoib("get", CHILD, "pkey")).stdout.trim(), "0x8001");

    // Partitions are isolated: an ARP request in the parent's partition does not reach b's child. With arp_ignore 1
    // Linux does not reply on ib0 for addresses of other interfaces.
    await b.must("sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore");
    await a.ip("route", "add", "10.81.0.2/32", "dev", "ib0");
    assertEquals(await a.reaches("10.81.0.2"), false);
    await a.ip("route", "del", "10.81.0.2/32", "dev", "ib0");
    const before = await received(b, "ib0");
    assertEquals(await a.ping("10.81.0.2", { count: 20 }), {
      sent: 20,
      received: 20,
    });
    // An announcement of the parent's address may arrive in between.
    const more = await received(b, "ib0") - before;
    assert(more <= 2, `${more} packets`);
  },
);

async function received(host: Host, name: string): Promise<number> {
  return (await host.link(name)).stats64!.rx.packets;
}

labTest(
  "A child interface is created once per P_Key, follows the state of its parent, and is deleted",
  async (lab) => {
    const [a] = await lab.running(1);
    await createChild(a, "10.81.0.1/24");
    for (const pkey of ["0x8001", "0xffff"]) {
      const twice = await a.ipoib("child", "create", pkey);
      assertEquals(twice.code, 2);
      assertMatch(twice.stderr, new RegExp(pkey));
      const error = await a.call("child.create", { pkey: Number(pkey) })
        .catch((error) => error);
      assertEquals([error.code, error.errno], ["E_PKEY_TAKEN", 76]);
    }
    // As with the kernel driver: the name has the P_Key as given, the interface uses the full membership P_Key, and the
    // check for duplicates does not find it.
    const limited = await a.ipoib("child", "create", "0x0001");
    assertEquals([limited.code, limited.stdout], [0, "ib0.0001\n"]);
    assertEquals((await a.ipoib("get", "ib0.0001", "pkey")).stdout, "0x8001\n");
    await a.ip("link", "del", "ib0.0001");
    await until(
      "the removal of the deleted child",
      async () => (await a.call("child.list", {})).length === 1,
    );
    const other = await a.ipoib("child", "create", "0x0002");
    assertEquals(other.stdout, "ib0.0002\n");

    await a.ip("link", "set", "ib0", "down");
    await until(`${CHILD} follows down`, async () => !await isUp(a, CHILD));
    await a.ip("link", "set", "ib0", "up");
    await until(`${CHILD} follows up`, () => isUp(a, CHILD));

    const deleted = await a.ipoib("child", "delete", "0x8001");
    assertEquals([deleted.code, deleted.stderr], [0, ""]);
    assertEquals((await a.run(["ip", "link", "show", CHILD])).code, 1);
    assertEquals((await a.ipoib("link", "show", CHILD)).code, 3);
    assertEquals((await a.ipoib("child", "delete", "0x8001")).code, 2);
    await a.ipoib("down", "ib0");
    assertEquals((await a.run(["ip", "link", "show", "ib0.0002"])).code, 1);
  },
);

interface Link {
  ifname: string;
  link?: string;
  pkey: string;
  address: string;
  broadcast: string;
}
