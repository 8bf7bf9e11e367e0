/** `link add` and `link del` (behavior of Linux ipoib_netlink.c). */

import { assertEquals } from "@std/assert";
import type { FakeNetdev } from "../../../src/netdev/fake.ts";
import { Rig } from "../../ipoib/rig.ts";
import { Control } from "./support.ts";

const EINVAL = 22;
const ENODEV = 19;

Deno.test("link.add adds a child with the P_Key of the parent or with the given P_Key", () => {
  const control = new Control(new Rig().pair()[0]);
  control.run("link.add", { link: "ib1", name: "same" });
  const [same] = control.run("child.list");
  assertEquals(same, {
    ifname: "same",
    link: "ib1",
    kind: "rtnl",
    ifindex: same!.ifindex,
    pkey: "0xffff",
    operstate: "DOWN",
    state: "administratively down",
  });
  control.run("link.add", {
    link: "ib1",
    name: "own",
    pkey: 0x0001,
    mode: "datagram",
    umcast: true,
  });
  const [link] = control.run("link.show", { name: "own" });
  assertEquals([link!.link, link!.pkey, link!.linkinfo.info_data], [
    "ib1",
    "0x8001",
    { key: "0x8001", mode: "datagram", umcast: "0001" },
  ]);
  assertEquals(control.changes, 2);
});

Deno.test("link.add refuses the requests that ib_ipoib refuses", () => {
  const control = new Control(new Rig().pair()[0]);
  control.run("link.add", { link: "ib1", name: "kid" });
  const refused: [unknown, number][] = [
    [{ link: "ib9", name: "new" }, ENODEV],
    [{ link: "kid", name: "new" }, EINVAL],
    [{ link: "ib1", name: "new", pkey: 0 }, EINVAL],
    [{ link: "ib1", name: "new", pkey: 0x8000 }, EINVAL],
    [{ link: "ib1", name: "new", mode: "connected" }, EINVAL],
  ];
  for (const [params, errno] of refused) {
    assertEquals(control.refusal("link.add", params), errno);
  }
  assertEquals(control.run("child.list").length, 1);
  assertEquals(control.changes, 1);
});

Deno.test("link.del deletes children of either kind, but not a parent", () => {
  const control = new Control(new Rig().pair()[0]);
  control.run("child.create", { pkey: 0x8001 });
  control.run("link.add", { link: "ib1", name: "kid", pkey: 0x8001 });
  const del = (name: string) => control.run("link.del", { name }).deleted;
  assertEquals([del("ib1"), del("ib1.8001"), del("kid")], [false, true, true]);
  assertEquals(control.refusal("link.del", { name: "kid" }), ENODEV);
  assertEquals(control.run("child.list"), []);
  assertEquals(control.changes, 4);
});

Deno.test("a method without a name omits children in another namespace than the parent", () => {
  const host = new Rig().pair()[0];
  const control = new Control(host);
  for (const pkey of [0x8001, 0x8002]) control.run("child.create", { pkey });
  const moved = host.device.find("ib1.8002")!.netdev as FakeNetdev;
  moved.config.namespace = { inode: 7n, procInode: 8n, initial: false };
  const here = ["ib1", "ib1.8001"];
  const names = (records: readonly { ifname: string }[]) =>
    records.map(({ ifname }) => ifname);
  assertEquals(names(control.run("link.show")), here);
  assertEquals(names(control.run("maddr.show")), here);
  assertEquals(names(control.run("stats")), here);
  assertEquals(names(control.run("link.show", { name: "ib1.8002" })), [
    "ib1.8002",
  ]);
  assertEquals(names(control.run("child.list")), ["ib1.8001", "ib1.8002"]);
});
