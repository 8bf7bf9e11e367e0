import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { formatIpv6, parseIpv6 } from "../../src/wire/ipv6_text.ts";
import { hex } from "./support.ts";

Deno.test("formatIpv6() writes the canonical text of RFC 5952", () => {
  for (
    const [bytes, text] of [
      ["00000000000000000000000000000000", "::"],
      ["00000000000000000000000000000001", "::1"],
      ["20010db8000000000000000000000000", "2001:db8::"],
      // Compresses the first of two equal runs, and never a single group (sections 4.2.2, 4.2.3).
      ["20010db8000000000001000000000001", "2001:db8::1:0:0:1"],
      ["20010db8000000010001000100010001", "2001:db8:0:1:1:1:1:1"],
      ["20010000000000010000000000000001", "2001:0:0:1::1"],
    ] as const
  ) {
    assertEquals(formatIpv6(hex(bytes)), text);
  }
});

Deno.test("parseIpv6() reads full, compressed and dotted notation", () => {
  for (
    const [text, bytes] of [
      ["FE80::1", "fe800000000000000000000000000001"],
      ["::ffff:10.0.0.1", "00000000000000000000ffff0a000001"],
      ["1:2:3:4:5:6:7:8", "00010002000300040005000600070008"],
      ["1:2:3:4:5:6:1.2.3.4", "00010002000300040005000601020304"],
      ["1::", "00010000000000000000000000000000"],
      ["::2:3:4:5:6:7:8", "00000002000300040005000600070008"],
    ] as const
  ) {
    assertEquals(parseIpv6(text), hex(bytes), text);
  }
});

Deno.test("parseIpv6() returns undefined for text that is not an address", () => {
  for (
    const text of [
      "",
      ":",
      ":::",
      "1",
      "1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:8:9",
      "1:2:3:4:5:6:7::8",
      "::1::",
      "12345::",
      "g::",
      ":1::",
      "1::2:",
      "fe80::1%ib0",
      "1.2.3.4::",
      "::1.2.3.4:5",
      "::256.0.0.1",
    ]
  ) {
    assertEquals(parseIpv6(text), undefined, text);
  }
});

Deno.test("parseIpv6() never throws, and reads back what formatIpv6() writes", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    const bytes = parseIpv6(text);
    assert(bytes === undefined || bytes.length === 16);
  }));
  const almost = fc.stringMatching(/^[0-9a-f:.]{0,40}$/);
  fc.assert(fc.property(almost, (text) => {
    const bytes = parseIpv6(text);
    if (bytes) assertEquals(parseIpv6(formatIpv6(bytes)), bytes);
  }));
});
