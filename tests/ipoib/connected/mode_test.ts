/** The mode of an interface: MTU, link-layer address, and the switch with traffic. */

import { assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../../src/base/errors.ts";
import { logLines, Rig } from "../rig.ts";
import { connectedPair, connectionOf, frameOf, transports } from "./support.ts";

Deno.test("connected mode sets the MTU to 65,520, datagram mode to that of the group", () => {
  const { rig, a } = connectedPair({ mode: "datagram" });
  const { qpn } = a.link;
  const mtu = () => a.netdev.config.mtu;
  a.link.connected.setMode("connected");
  assertEquals([mtu(), a.link.mtu.chain.binding], [65_520, "mode"]);
  assertEquals(
    logLines.filter((line) => line.includes("multicast packet drops")).length,
    1,
  );
  a.link.connected.setMode("connected");
  a.link.mtu.set(9000);
  assertEquals([mtu(), a.link.mtu.chain.binding], [9000, "admin"]);
  a.link.connected.setMode("datagram");
  assertEquals([mtu(), a.link.mtu.chain.binding], [2044, "group"]);
  assertEquals(a.link.mtu.chain.admin, undefined);
  a.link.connected.setMode("connected");
  a.link.mtu.set(1500);
  a.link.connected.setMode("datagram");
  assertEquals([mtu(), a.link.mtu.chain.admin], [1500, 1500]);
  assertEquals(a.link.qpn, qpn);
  rig.check();
});

Deno.test("the MTU is at most 65,520 in connected mode, and that of the port in datagram mode", () => {
  const { a } = connectedPair();
  const refusal = (mtu: number) => {
    const error = assertThrows(() => a.link.mtu.set(mtu), IpoibError);
    return [error.code, error.errno, error.hint];
  };
  assertEquals(refusal(65_521), ["E_MTU", 22, "use 68 to 65520"]);
  a.netdev.config.setLink({ mtu: 65_521 });
  assertEquals(a.netdev.config.mtu, 65_520);
  a.link.connected.setMode("datagram");
  assertEquals(refusal(9000), [
    "E_MTU",
    22,
    "use 72 to 2044",
  ]);
});

Deno.test("an MTU that the device had in connected mode is refused if it is set on it in datagram mode", () => {
  const { a } = connectedPair();
  const { config } = a.netdev;
  // An event of the kernel with the MTU of connected mode.
  config.setLink({ name: "ib7" });
  a.link.connected.setMode("datagram");
  config.setLink({ mtu: 65_520 });
  assertEquals([config.mtu, a.link.mtu.chain.refused], [2044, 65_520]);
});

Deno.test("the MTU stays when the broadcast group is joined again", () => {
  const { rig, a } = connectedPair();
  a.port.emit({ type: "client_reregister" });
  rig.settle();
  a.netdev.change({ up: false });
  rig.settle();
  a.netdev.change({ up: true });
  rig.settle();
  assertEquals([a.link.state, a.netdev.config.mtu], ["running", 65_520]);
});

Deno.test("a port without connection management stays in datagram mode and says why", () => {
  const rig = new Rig();
  const host = rig.host({ mode: "connected", address: "10.0.0.1" });
  assertEquals(host.link.connected.mode, "datagram");
  assertEquals(host.netdev.config.mtu, 2044);
  const message =
    "ib1 cannot use connected mode: the fake fabric has no connections";
  assertEquals(logLines.some((line) => line.includes(message)), true);
  const error = assertThrows(
    () => host.link.connected.setMode("connected"),
    IpoibError,
    message,
  );
  assertEquals([error.code, error.errno], ["E_MODE", 22]);
  assertEquals(host.link.address.flags, 0);
});

Deno.test("with connection management the link-layer address has the flag of RC in both modes", () => {
  const { a } = connectedPair({ mode: "datagram" });
  assertEquals(a.link.address.flags, 0x80);
  a.link.connected.setMode("connected");
  assertEquals(a.link.address.flags, 0x80);
});

Deno.test("a switch of the mode moves flows at once, in both directions", () => {
  const { rig, a, b } = connectedPair();
  const exchange = () => {
    a.send(frameOf(1000));
    b.send(frameOf(1000, "10.0.0.1", "10.0.0.2"));
    return [transports(a), transports(b)].flat();
  };
  exchange();
  assertEquals(exchange(), ["rc 1000", "rc 1000"]);
  a.link.connected.setMode("datagram");
  assertEquals(exchange(), ["ud 1000", "rc 1000"]);
  assertEquals(a.port.rcQps.size, 1);
  a.link.connected.setMode("connected");
  exchange();
  assertEquals(exchange(), ["rc 1000", "rc 1000"]);
  b.link.connected.setMode("datagram");
  assertEquals(exchange(), ["rc 1000", "ud 1000"]);
  assertEquals(a.received().length + b.received().length, 12);
  rig.check();
});

Deno.test("long packets that wait for a connection are dropped by the switch to datagram mode", () => {
  const { rig, a, b } = connectedPair();
  b.connections.answer = "lose";
  a.send(frameOf(100), frameOf(3000));
  assertEquals(connectionOf(a).queue.length, 1);
  a.link.connected.setMode("datagram");
  assertEquals(a.drops, { tx_connection_failed: 1 });
  a.send(frameOf(100));
  assertEquals(transports(a), ["ud 100", "ud 100"]);
  rig.check();
});
