import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  formatIpv4,
  isLimitedBroadcast,
  isMulticast,
  LIMITED_BROADCAST,
  parseIpv4,
  prefixMask,
  samePrefix,
  subnetBroadcast,
} from "../../src/wire/ipv4_address.ts";

const ip = (text: string) => parseIpv4(text)!;
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });

Deno.test("parseIpv4() returns signed 32-bit integers", () => {
  assertEquals(parseIpv4("10.0.0.1"), 0x0a000001);
  assertEquals(parseIpv4("224.0.0.1"), 0xe0000001 | 0);
  assertEquals(parseIpv4("255.255.255.255"), -1);
  assertEquals(parseIpv4("0.0.0.0"), 0);
});

Deno.test("parseIpv4() reads back what formatIpv4() writes", () => {
  fc.assert(fc.property(int32, (address) => {
    assertEquals(parseIpv4(formatIpv4(address)), address);
  }));
});

Deno.test("parseIpv4() returns undefined for text that is not an address", () => {
  for (
    const text of [
      "",
      "10.0.0",
      "10.0.0.1.2",
      "256.0.0.1",
      "1.2.3.04",
      "1.2.3.",
      "1.2.3.-4",
      " 1.2.3.4",
      "1.2.3.4 ",
      "0x1.2.3.4",
      "1e1.2.3.4",
    ]
  ) {
    assertEquals(parseIpv4(text), undefined, text);
  }
});

Deno.test("prefixMask() and samePrefix() handle lengths from 0 to 32", () => {
  assertEquals(prefixMask(0), 0);
  assertEquals(formatIpv4(prefixMask(1)), "128.0.0.0");
  assertEquals(formatIpv4(prefixMask(24)), "255.255.255.0");
  assertEquals(prefixMask(32), -1);
  assert(samePrefix(ip("10.0.0.1"), ip("10.0.0.254"), 24));
  assert(!samePrefix(ip("10.0.0.1"), ip("10.0.1.1"), 24));
  assert(samePrefix(ip("10.0.0.1"), ip("192.168.0.1"), 0));
});

Deno.test("subnetBroadcast() is undefined for /31 and /32", () => {
  assertEquals(subnetBroadcast(ip("10.0.0.1"), 24), ip("10.0.0.255"));
  assertEquals(subnetBroadcast(ip("10.0.0.1"), 0), -1);
  assertEquals(subnetBroadcast(ip("10.0.0.1"), 31), undefined);
  assertEquals(subnetBroadcast(ip("10.0.0.1"), 32), undefined);
});

Deno.test("isMulticast() and isLimitedBroadcast() are exact at the range boundaries", () => {
  const multicast = (text: string) => isMulticast(ip(text));
  assert(multicast("224.0.0.0") && multicast("239.255.255.255"));
  assert(!multicast("223.255.255.255") && !multicast("240.0.0.0"));
  assert(isLimitedBroadcast(LIMITED_BROADCAST));
  assert(!isLimitedBroadcast(ip("255.255.255.254")));
});
