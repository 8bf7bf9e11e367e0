import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  DEVICE_ARP_LENGTH,
  emitDeviceArp,
  parseDeviceArp,
} from "../../src/wire/device_arp.ts";
import { hex, prefilled, viewOf } from "./support.ts";

const GOLDEN = hex("0020 0800 00 04 0001 0a000001 e0000002");
const ARP = { operation: 1, senderIp: 0x0a000001, targetIp: 0xe0000002 | 0 };

Deno.test("emitDeviceArp() writes the golden bytes and parseDeviceArp() reads them", () => {
  const bytes = prefilled(20);
  assertEquals(emitDeviceArp(ARP, viewOf(bytes), 2), DEVICE_ARP_LENGTH);
  assertEquals(bytes.slice(2, 18), GOLDEN);
  assertEquals([...bytes.slice(0, 2), ...bytes.slice(18)], [
    0xa5,
    0xa5,
    0xa5,
    0xa5,
  ]);
  assertEquals(parseDeviceArp(viewOf(bytes), 2, 18), ARP);
});

Deno.test("parseDeviceArp() reads back what emitDeviceArp() writes", () => {
  const arp = fc.record({
    operation: fc.nat(0xffff),
    senderIp: fc.integer(),
    targetIp: fc.integer(),
  });
  fc.assert(fc.property(arp, (arp) => {
    const view = viewOf(prefilled(DEVICE_ARP_LENGTH));
    emitDeviceArp(arp, view, 0);
    assertEquals(parseDeviceArp(view, 0, DEVICE_ARP_LENGTH), arp);
  }));
});

Deno.test("parseDeviceArp() refuses truncated packets and other hardware, protocols and address lengths", () => {
  assertEquals(parseDeviceArp(viewOf(GOLDEN), 0, 15), undefined);
  for (let at = 0; at < 6; at++) {
    const bytes = GOLDEN.slice();
    bytes[at]! ^= 1;
    assertEquals(parseDeviceArp(viewOf(bytes), 0, 16), undefined, `byte ${at}`);
  }
});
