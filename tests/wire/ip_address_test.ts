import { assert, assertEquals, assertThrows } from "@std/assert";
import { IpAddress } from "../../src/wire/ip_address.ts";

Deno.test("an IPv4 address is v4-mapped and prints as dotted decimal", () => {
  const address = IpAddress.parse("10.0.0.1")!;
  assertEquals([address.w0, address.w1, address.w2, address.w3], [
    0,
    0,
    0xffff,
    0x0a000001,
  ]);
  assert(address.isIpv4);
  assertEquals(`${address}`, "10.0.0.1");
  assertEquals(address.bytes(), Uint8Array.of(10, 0, 0, 1));
  assert(address.equals(IpAddress.of(address.bytes())));
});

Deno.test("parse() reads IPv6 text and toString() prints it as in RFC 5952", () => {
  for (
    const [text, printed] of [
      ["fe80::1", "fe80::1"],
      ["::", "::"],
      ["::1", "::1"],
      ["1::", "1::"],
      ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
      ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
      ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
      ["::ffff:10.0.0.1", "10.0.0.1"],
      ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", undefined],
    ] as const
  ) {
    const address = IpAddress.parse(text)!;
    assertEquals(`${address}`, printed ?? text);
    assert(address.equals(IpAddress.of(address.bytes())));
  }
});

Deno.test("parse() returns undefined for text that is not an address; of() throws for other lengths", () => {
  for (
    const text of [
      ...["", "1.2.3", "1.2.3.256", "01.2.3.4", "fe80", "1::2::3", ":::"],
      ...["1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8", "g::"],
      ...["12345::", "1.2.3.4::"],
    ]
  ) assertEquals(IpAddress.parse(text), undefined, text);
  assertThrows(() => IpAddress.of(new Uint8Array(5)), RangeError);
});
