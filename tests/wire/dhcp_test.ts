/** DHCP messages: parsing, changed fields, lengths and checksums. */

import { assertEquals } from "@std/assert";
import { internetChecksum } from "../../src/wire/checksum.ts";
import {
  type DhcpChange,
  isDhcp,
  MAX_DHCP_GROWTH,
  parseDhcp,
  rewriteDhcp,
} from "../../src/wire/dhcp.ts";
import { dhcpPacket } from "./dhcp_packet.ts";
import { random, viewOf } from "./support.ts";

const ID = Uint8Array.of(255, 1, 2, 3);
const NAME = [12, new TextEncoder().encode("host")] as const;
const CHANGE: DhcpChange = {
  htype: 32,
  hlen: 0,
  chaddr: new Uint8Array(16),
  clientId: ID,
  broadcast: true,
};

/** Changes a packet that stands at offset 5, and returns the new one from offset 3. */
function rewrite(packet: Uint8Array, change: Partial<DhcpChange> = {}) {
  const view = viewOf(Uint8Array.of(0, 0, 0, 0, 0, ...packet));
  const message = parseDhcp(view, 5, packet.length)!;
  const into = new Uint8Array(3 + packet.length + MAX_DHCP_GROWTH);
  const length = rewriteDhcp(
    view,
    5,
    message,
    { ...CHANGE, ...change },
    viewOf(into),
    3,
  );
  return into.slice(3, 3 + length);
}

/** Returns the sums that are 0 if the checksums of IPv4 and UDP are correct. */
function checksums(packet: Uint8Array): number[] {
  const view = viewOf(packet);
  let pseudoHeader = 17 + packet.length - 20;
  for (let i = 12; i < 20; i += 2) pseudoHeader += view.getUint16(i);
  return [
    internetChecksum(view, 0, 20),
    internetChecksum(view, 20, packet.length - 20, pseudoHeader),
  ];
}

Deno.test("rewriteDhcp() replaces the hardware address and the client identifier, and keeps other options", () => {
  const packet = dhcpPacket({
    chaddr: Uint8Array.of(1, 2, 3, 4, 5, 6),
    options: [[61, new Uint8Array(7)], [53, Uint8Array.of(1)], NAME],
  });
  const changed = rewrite(packet);
  assertEquals(changed.length, packet.length);
  assertEquals(checksums(changed), [0, 0]);
  const message = parseDhcp(viewOf(changed), 0, changed.length)!;
  const { htype, hlen, chaddr, clientId, xid } = message;
  assertEquals([htype, hlen, chaddr, clientId, xid], [
    32,
    0,
    new Uint8Array(16),
    ID,
    0x12345678,
  ]);
  assertEquals(viewOf(changed).getUint16(28 + 10), 0x8000);
  assertEquals(
    changed.toHex().slice(2 * 268, 2 * 290),
    "350101" + "0c04686f7374" + "3d04ff010203" + "ff" + "00".repeat(6),
  );
});

Deno.test("rewriteDhcp() lengthens a packet whose options fill it, and removes the identifier", () => {
  const filler = [43, new Uint8Array(100)] as const;
  const packet = dhcpPacket({ options: [filler, filler] });
  const longer = rewrite(packet);
  assertEquals(longer.length, packet.length + 2 + ID.length);
  assertEquals(checksums(longer), [0, 0]);
  assertEquals(viewOf(longer).getUint16(2), longer.length);
  const back = rewrite(longer, { clientId: undefined, htype: 1, hlen: 6 });
  assertEquals(back.length, packet.length);
  assertEquals(parseDhcp(viewOf(back), 0, back.length)?.clientId, undefined);
});

Deno.test("isDhcp() and parseDhcp() refuse other ports and protocols, fragments, and malformed messages", () => {
  const packet = dhcpPacket();
  const changed = (at: number, ...bytes: number[]) => {
    const copy = packet.slice();
    copy.set(bytes, at);
    return copy;
  };
  const is = (each: Uint8Array) => isDhcp(viewOf(each), 0, each.length);
  const parses = (each: Uint8Array) =>
    parseDhcp(viewOf(each), 0, each.length) !== undefined;
  assertEquals([is(packet), parses(packet)], [true, true]);
  assertEquals(
    [changed(9, 6), changed(22, 0, 53), packet.slice(0, 27)].map(is),
    [false, false, false],
  );
  assertEquals(is(dhcpPacket({ ports: [67, 68] })), true);
  const malformed = [
    changed(6, 0x20),
    changed(6, 0, 1),
    changed(0, 0x41),
    changed(24, 2, 0),
    changed(24, 0, 247),
    changed(264, 0),
    // An option that exceeds the message.
    changed(271, 61, 255),
    packet.slice(0, 200),
  ];
  assertEquals(malformed.map(parses), malformed.map(() => false));
});

Deno.test("parseDhcp() and rewriteDhcp() stay within their buffers for any bytes", () => {
  const next = random(1390);
  for (let n = 0; n < 20_000; n++) {
    const packet = dhcpPacket({ options: [[61, new Uint8Array(next(20))]] });
    for (let i = next(6); i > 0; i--) packet[next(packet.length)] = next(256);
    packet[9] = 17;
    const length = next(4) ? packet.length : next(packet.length);
    const view = viewOf(packet.slice(0, length));
    if (length < 20 || !isDhcp(view, 0, length)) continue;
    const message = parseDhcp(view, 0, length);
    if (!message) continue;
    const into = new Uint8Array(length + MAX_DHCP_GROWTH);
    const clientId = new Uint8Array(next(256));
    const change = { ...CHANGE, clientId };
    const size = rewriteDhcp(view, 0, message, change, viewOf(into), 0);
    assertEquals(parseDhcp(viewOf(into), 0, size)?.clientId, clientId);
  }
});
