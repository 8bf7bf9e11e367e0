/** Announcements of an interface's own addresses (RFC 5227 section 2.3). */

import { assertEquals } from "@std/assert";
import { ArpOperation } from "../../src/wire/arp.ts";
import { formatIpv4 } from "../../src/wire/ipv4_address.ts";
import { type Host, ip, Rig } from "./rig.ts";

/** Returns the addresses that were announced since the last call. */
function announced(host: Host): string[] {
  return host.arps().filter(({ operation, senderIp, targetIp }) =>
    operation === ArpOperation.Request && senderIp === targetIp
  ).map(({ senderIp }) => formatIpv4(senderIp));
}

Deno.test("an address that was set before the link is running is announced when it is", () => {
  const rig = new Rig();
  const host = rig.host({ address: "10.0.0.1" });
  assertEquals(announced(host), ["10.0.0.1"]);
});

Deno.test("a new address is announced at once and again after two seconds", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  const { config } = a.netdev;
  rig.advance(2000);
  assertEquals(announced(a), ["10.0.0.1"], "second announcement");
  config.addAddress(ip("10.0.0.11"), 24);
  config.emit("address");
  rig.settle();
  assertEquals(announced(a), ["10.0.0.11"]);
  // An address that was deleted and added again is announced again.
  config.deleteAddress(ip("10.0.0.11"));
  config.addAddress(ip("10.0.0.11"), 24);
  rig.settle();
  assertEquals(announced(a), ["10.0.0.11"]);
  rig.advance(1999);
  assertEquals(announced(a), []);
  rig.advance(1);
  assertEquals(announced(a), ["10.0.0.11"]);
  rig.advance(20_000);
  assertEquals(announced(a), []);
});

Deno.test("an address that was deleted meanwhile is not announced a second time", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  rig.advance(2000);
  a.netdev.config.addAddress(ip("10.0.0.12"), 24);
  a.netdev.config.deleteAddress(ip("10.0.0.12"));
  rig.settle();
  assertEquals(announced(a).at(-1), "10.0.0.12");
  rig.advance(20_000);
  assertEquals(announced(a), []);
});

Deno.test("an announcement is broadcast with the current link-layer address", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  rig.advance(2000);
  a.posted();
  a.netdev.config.addAddress(ip("10.0.0.11"), 24);
  rig.settle();
  const { arpReceived } = b.link.statistics;
  assertEquals(arpReceived > 0, true);
  const [packet] = a.port.posted;
  assertEquals(packet!.handle.grh!.dgid, a.link.broadcastMgid);
  const [arp] = a.arps();
  assertEquals(arp!.senderAddress, a.address);
  assertEquals(arp!.targetAddress.qpn, 0);
  rig.check();
});
