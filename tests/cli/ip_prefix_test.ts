import { assert, assertEquals } from "@std/assert";
import { parsePrefix } from "../../src/cli/ip_prefix.ts";

Deno.test("parsePrefix() returns the addresses in a prefix, however they are written", () => {
  const cases: [string, string, boolean][] = [
    ["10.9.0.0/24", "10.9.0.255", true],
    ["10.9.0.0/24", "10.9.1.0", false],
    ["0.0.0.0/0", "10.9.1.0", true],
    ["10.9.0.2", "10.9.0.2", true],
    ["10.9.0.2", "10.9.0.3", false],
    ["fe80::/10", "febf:ffff::1", true],
    ["fe80::/10", "fec0::1", false],
    ["fd00::1", "fd00:0:0:0:0:0:0:1", true],
    ["fd00::", "fd00::1", false],
    ["::1", "::1", true],
    ["::ffff:10.0.0.2", "::ffff:a00:2", true],
    ["::/0", "10.0.0.2", false],
    ["0.0.0.0/0", "::1", false],
    ["all", "::1", true],
  ];
  for (const [prefix, address, expected] of cases) {
    assertEquals(parsePrefix(prefix)!(address), expected, prefix + address);
  }
});

Deno.test("parsePrefix() refuses other texts", () => {
  for (
    const text of [
      "",
      "ib0",
      "10.9.0",
      "10.9.0.0/33",
      "::/129",
      "::1/",
      "10.9.0.0/8/9",
    ]
  ) {
    assert(parsePrefix(text) === undefined, text);
  }
});
