/** The interfaces of a port: creation, removal, names and states of children. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import { ip, ipv4Frame, Rig } from "./rig.ts";

function refusal(fn: () => unknown): [string, number | undefined] {
  const error = assertThrows(fn, IpoibError);
  return [error.code, error.errno];
}

Deno.test("a child has its own queue pair and link on another P_Key", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const children = [a, b].map(({ device }, i) => {
    const child = device.createChild(0x8001);
    child.netdev.change({ up: true });
    const { config } = (i ? b : a).netdevs[1]!;
    config.addAddress(ip(`10.1.0.${i + 1}`), 24);
    return child;
  });
  rig.settle();
  assertEquals(children.map(({ name }) => name), ["ib1.8001", "ib2.8001"]);
  for (const child of children) {
    assertEquals([child.pkey, child.pkeyIndex, child.state], [
      0x8001,
      1,
      "running",
    ]);
  }
  assert(children[0]!.qpn !== a.link.qpn, "its own queue pair");
  assertEquals(children[0]!.address.gid, a.link.address.gid);
  a.netdevs[1]!.inject(ipv4Frame("10.1.0.1", "10.1.0.2"));
  rig.settle();
  assertEquals(b.netdevs[1]!.takeWritten().length, 1);
  assertEquals(b.netdevs[0]!.takeWritten().length, 0);
  assertEquals(a.device.find("ib1.8001"), children[0]);
  assertEquals(a.device.find("ib9"), undefined);
  rig.check();
});

Deno.test("a child is created down and set up and down with its parent", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  const child = a.device.createChild(0x8001);
  assertEquals(child.state, "administratively down");
  a.netdev.change({ up: false });
  a.netdev.change({ up: true });
  rig.settle();
  assertEquals([child.netdev.config.up, child.state], [true, "running"]);
  a.netdev.change({ up: false });
  assertEquals([child.netdev.config.up, child.carrier], [false, false]);
});

Deno.test("onInterfaces() is called when an interface is created, renamed or deleted", () => {
  const rig = new Rig();
  const { device, netdevs, states } = rig.host();
  const calls: (readonly string[])[] = [];
  device.onInterfaces = (all) => calls.push(all.map(({ name }) => name));
  device.createChild(0x8001);
  netdevs[0]!.config.setLink({ name: "ib7" });
  netdevs[1]!.config.setLink({ name: "storage" });
  assertEquals(calls.splice(0), [
    ["ib1", "ib1.8001"],
    ["ib7", "ib1.8001"],
    ["ib7", "storage"],
  ]);
  assertEquals(states.at(-2), "ib7: running");
  netdevs[1]!.config.emit("gone");
  assertEquals(calls, [["ib7"]]);
  rig.check();
});

Deno.test("a child may be created before its P_Key is in the port's table", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  const child = a.device.createChild(0x8005);
  child.netdev.change({ up: true });
  rig.settle();
  assertEquals(child.state, "waiting for P_Key 0x8005 in the port's table");
  const { pkeys } = a.port.attributes;
  // A limited entry is used until a full one is available.
  a.port.emit({ type: "pkey_change" }, { pkeys: [...pkeys, 0x0005] });
  rig.settle();
  assertEquals(child.pkeyIndex, pkeys.length);
  a.port.emit({ type: "pkey_change" }, { pkeys: [...pkeys, 0x0005, 0x8005] });
  rig.settle();
  assertEquals(child.pkeyIndex, pkeys.length + 1);
  assertEquals(a.link.carrier, true);
});

Deno.test("invalid requests fail with the errno values of ib_ipoib", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  const { device } = a;
  for (const pkey of [0, -1, 0x8000, 0x10000]) {
    assertEquals(
      refusal(() => device.createChild(pkey)),
      ["E_PKEY_INVALID", 22],
      String(pkey),
    );
  }
  assertEquals(refusal(() => device.createChild(0xffff)), ["E_PKEY_TAKEN", 76]);
  device.createChild(0x8001);
  assertEquals(refusal(() => device.createChild(0x8001)), ["E_PKEY_TAKEN", 76]);
  assertEquals(refusal(() => device.deleteChild(0x8002)), ["E_NO_CHILD", 19]);
  assertEquals(a.netdevs.length, 2);
});

Deno.test("a child created with a limited P_Key has the full P_Key and is deleted by it", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  const { device } = a;
  const child = device.createChild(0x0001);
  assertEquals([child.name, child.pkey], ["ib1.0001", 0x8001]);
  assertEquals(refusal(() => device.deleteChild(0x0001)), ["E_NO_CHILD", 19]);
  const error = assertThrows(() => device.deleteChild(0x0001), IpoibError);
  assertEquals(error.hint, "there is one with 0x8001");
  assertEquals(device.deleteChild(0x8001), "ib1.0001");
  assertEquals(device.children.length, 0);
  assertEquals(a.netdevs[1]!.closed, true);
});

Deno.test("a child is removed when another program deletes its network device", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  a.device.createChild(0x8001);
  a.netdevs[1]!.config.emit("gone");
  assertEquals(a.device.children.length, 0);
  a.netdevs[1]!.config.emit("gone");
  rig.check();
});

Deno.test("closing a device closes its children and their queue pairs", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  a.device.createChild(0x8001).netdev.change({ up: true });
  rig.settle();
  a.device.close();
  rig.settle();
  assertEquals(a.netdevs.map(({ closed }) => closed), [true, true]);
  assertEquals(a.port.qps.size, 0);
  rig.check();
});
