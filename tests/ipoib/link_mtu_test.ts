/** The MTU of a link: the administrator's, the group's and the device's, and changes by another program. */

import { assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import { FakeNetdev } from "../../src/netdev/fake.ts";
import { ibMtuBytes } from "../../src/base/units.ts";
import { type Host, type HostOptions, logLines, Rig } from "./rig.ts";

const MTU_4096 = ibMtuBytes(5)!;

/** Returns the warnings that `fn` logs about ib1; it must log nothing else. */
function logged(fn: () => void): string[] {
  const before = logLines.length;
  fn();
  return logLines.slice(before).map((line) => line.split("ib1: warning: ")[1]!);
}

/** A port whose MTU is larger than that of the broadcast group, as on a fabric. */
function largeMtuHost(rig: Rig, options: HostOptions = {}): Host {
  const host = rig.host({ address: "10.0.0.1", ...options });
  host.port.emit({ type: "sm_change" }, {
    maxMtu: MTU_4096,
    activeMtu: MTU_4096,
  });
  return host;
}

Deno.test("the administrator's MTU is limited by the group", () => {
  const rig = new Rig();
  const host = largeMtuHost(rig, { adminMtu: 1500 });
  assertEquals(host.netdev.config.mtu, 1500);
  host.link.mtu.set(4092);
  assertEquals(host.netdev.config.mtu, 2044);
  assertEquals(host.link.mtu.chain, {
    port: 4092,
    group: 2044,
    admin: 4092,
    refused: undefined,
    device: 2044,
    binding: "group",
  });
  host.link.mtu.set(576);
  assertEquals(host.netdev.config.mtu, 576);
});

Deno.test("an MTU out of range is refused and changes nothing", () => {
  const rig = new Rig();
  const host = largeMtuHost(rig);
  host.link.mtu.set(1400);
  for (const mtu of [0, 71, 4093, 65520]) {
    const error = assertThrows(() => host.link.mtu.set(mtu), IpoibError);
    assertEquals([error.code, error.errno], ["E_MTU", 22]);
  }
  const { admin, device, refused } = host.link.mtu.chain;
  assertEquals([admin, device, refused], [1400, 1400, undefined]);
});

Deno.test("an MTU set on the network device becomes the administrator's MTU, and a limited one is logged", () => {
  const rig = new Rig();
  const host = largeMtuHost(rig);
  host.netdev.config.setLink({ mtu: 1400 });
  assertEquals(host.link.mtu.chain.admin, 1400);
  assertEquals(host.netdev.config.mtu, 1400);
  const lines = logged(() => host.netdev.config.setLink({ mtu: 4092 }));
  assertEquals(host.link.mtu.chain.admin, 4092);
  assertEquals(host.netdev.config.mtu, 2044);
  assertEquals(lines, [
    "MTU 4092 is limited to 2044 by that of the broadcast group",
  ]);
});

Deno.test("an MTU out of range that is set on the network device is set back, logged once and shown", () => {
  const rig = new Rig();
  const host = largeMtuHost(rig);
  host.netdev.config.setLink({ mtu: 1400 });
  for (const mtu of [9000, 71]) {
    const lines = logged(() => host.netdev.config.setLink({ mtu }));
    assertEquals(host.netdev.config.mtu, 1400);
    const { admin, refused } = host.link.mtu.chain;
    assertEquals([admin, refused], [1400, mtu]);
    assertEquals(lines, [
      `MTU ${mtu} of ib1 is out of range in datagram mode: set back to 1400; use 72 to 4092`,
    ]);
  }
  host.link.mtu.set(1300);
  assertEquals(host.link.mtu.chain.refused, undefined);
});

Deno.test("an MTU set while the link is down is kept, and the device has the port's maximum MTU until the first join", () => {
  const rig = new Rig();
  const host = rig.host({ register: false });
  assertEquals(host.netdev.config.mtu, 2044);
  host.netdev.change({ up: false });
  host.netdev.config.setLink({ mtu: 1400 });
  host.netdev.change({ up: true });
  rig.subnet!.register(host.port);
  rig.settle();
  assertEquals([host.link.carrier, host.netdev.config.mtu], [true, 1400]);
});

Deno.test("the link-local address is added again after the administrator's MTU was below 1280", () => {
  const rig = new Rig();
  const { link, netdev } = rig.host({ address: "10.0.0.1" });
  const [added] = netdev.linkLocals.splice(0);
  link.mtu.set(1000);
  assertEquals(netdev.linkLocals, []);
  link.mtu.set(1500);
  assertEquals(netdev.linkLocals, [added]);
});

Deno.test("an administrator's MTU equal to that of the group follows the group", () => {
  const rig = new Rig();
  const host = largeMtuHost(rig);
  host.link.mtu.set(2044);
  host.port.emit({ type: "client_reregister" });
  rig.settle();
  assertEquals(host.link.mtu.chain.admin, undefined);
  host.link.mtu.set(1400);
  host.port.emit({ type: "client_reregister" });
  rig.settle();
  assertEquals(host.link.mtu.chain.admin, 1400);
});

Deno.test("a carrier that another program changes is set back and logged", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  const lines = logged(() => a.netdev.config.setLink({ carrier: false }));
  assertEquals(a.netdev.carrier, true);
  assertEquals(lines, [
    "Another program has set the carrier off: set back to on, which is the state of the link",
  ]);
  a.port.emit({ type: "port_error" }, { state: "down" });
  logged(() => a.netdev.config.setLink({ carrier: true }));
  assertEquals(a.netdev.carrier, false);
});

Deno.test("an MTU that the link set itself does not become the administrator's with the next change of the device", () => {
  const rig = new Rig();
  const host = rig.host({
    address: "10.0.0.1",
    makeNetdev: (options) => new FakeNetdev({ ...options, mtu: 1500 }),
  });
  const { config } = host.netdev;
  assertEquals([host.link.carrier, config.mtu], [true, 2044]);
  config.setLink({ name: "ib7" });
  assertEquals(host.link.mtu.chain.admin, undefined);
  config.setLink({ mtu: 1400 });
  assertEquals(host.link.mtu.chain.admin, 1400);
  assertEquals(host.link.name, "ib7");
});

Deno.test("an MTU that the device had before the administrator changed it may be set on it again", () => {
  const rig = new Rig();
  const host = largeMtuHost(rig);
  const { config } = host.netdev;
  host.link.mtu.set(1500);
  config.setLink({ mtu: 2044 });
  assertEquals([config.mtu, host.link.mtu.admin], [2044, 2044]);
  // The group's MTU follows the group.
  host.port.emit({ type: "client_reregister" });
  rig.settle();
  assertEquals(config.mtu, 2044);
});
