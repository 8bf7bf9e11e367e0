import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  type Arp,
  ARP_LENGTH,
  ArpOperation,
  ArpPacket,
  arpRequest,
  emitArp,
  parseArp,
} from "../../src/wire/arp.ts";
import { parseIpv4 } from "../../src/wire/ipv4_address.ts";
import { parseGid } from "../../src/wire/gid.ts";
import { golden, linkAddress, prefilled, viewOf } from "./support.ts";

const REQUEST = golden("arp_request");
const REPLY = golden("arp_reply");
const ONE = parseIpv4("10.0.0.1")!;
const TWO = parseIpv4("10.0.0.2")!;
const HOST1 = { flags: 0x80, qpn: 0x48, gid: parseGid("fe80::2:c903:0:1")! };
const HOST2 = { flags: 0x80, qpn: 0x49, gid: parseGid("fe80::2:c903:0:2")! };

function emitted(arp: Arp): Uint8Array {
  const buffer = prefilled(ARP_LENGTH + 8);
  assertEquals(emitArp(arp, viewOf(buffer), 4), ARP_LENGTH);
  assertEquals(buffer.subarray(0, 4), prefilled(4));
  assertEquals(buffer.subarray(60), prefilled(4));
  return buffer.subarray(4, 60);
}

Deno.test("emitArp() writes the golden bytes of request and reply", () => {
  const request = arpRequest(HOST1, ONE, TWO);
  assertEquals(emitted(request), REQUEST);
  const reply = {
    operation: ArpOperation.Reply,
    senderAddress: HOST2,
    senderIp: TWO,
    targetAddress: HOST1,
    targetIp: ONE,
  };
  assertEquals(emitted(reply), REPLY);
});

Deno.test("parseArp() reads the golden bytes", () => {
  assertEquals(parseArp(viewOf(REPLY), 0, 56), {
    operation: ArpOperation.Reply,
    senderAddress: HOST2,
    senderIp: TWO,
    targetAddress: HOST1,
    targetIp: ONE,
  });
});

Deno.test("ArpPacket getters read the golden bytes at a base of 9", () => {
  const buffer = prefilled(70);
  buffer.set(REQUEST, 9);
  const packet = new ArpPacket().at(viewOf(buffer), 9);
  assert(packet.valid(56) && packet.valid(61) && !packet.valid(62));
  assertEquals(packet.operation, ArpOperation.Request);
  assertEquals(packet.senderQpn, 0x48);
  assertEquals(packet.senderIp, ONE);
  assertEquals(packet.targetIp, TWO);
});

Deno.test("parseArp() refuses truncated packets", () => {
  for (let length = 0; length < ARP_LENGTH; length++) {
    assertEquals(parseArp(viewOf(REQUEST), 0, length), undefined);
    const cut = viewOf(REQUEST.slice(0, length));
    assertEquals(parseArp(cut, 0, length), undefined);
    assertEquals(parseArp(cut, 0, ARP_LENGTH), undefined);
  }
});

Deno.test("parseArp() refuses other hardware, protocols and address lengths", () => {
  for (let at = 0; at < 6; at++) {
    const bytes = REQUEST.slice();
    bytes[at]! ^= 1;
    assertEquals(parseArp(viewOf(bytes), 0, 56), undefined, `byte ${at}`);
  }
});

Deno.test("parseArp() accepts unknown operations", () => {
  const bytes = REQUEST.slice();
  bytes[6] = 0x12;
  assertEquals(parseArp(viewOf(bytes), 0, 56)?.operation, 0x1201);
});

Deno.test("parseArp() copies the addresses", () => {
  const bytes = REPLY.slice();
  const arp = parseArp(viewOf(bytes), 0, 56)!;
  bytes.fill(0);
  assertEquals(arp.senderAddress, HOST2);
});

Deno.test("parseArp() reads back what emitArp() writes", () => {
  const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
  const arps: fc.Arbitrary<Arp> = fc.record({
    operation: fc.nat(0xffff),
    senderAddress: linkAddress,
    senderIp: int32,
    targetAddress: linkAddress,
    targetIp: int32,
  });
  fc.assert(fc.property(arps, (arp) => {
    const bytes = emitted(arp);
    assertEquals(parseArp(viewOf(bytes), 0, 56), arp);
    assertEquals(emitted(parseArp(viewOf(bytes), 0, 56)!), bytes);
  }));
});
