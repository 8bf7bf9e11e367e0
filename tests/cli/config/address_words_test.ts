import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  addressWords,
  parseAddressWords,
  parseRouteWords,
  routeWords,
} from "../../../src/cli/config/address_words.ts";
import type { RouteRecord } from "../../../src/ipc/schema.ts";

Deno.test("parseAddressWords() reads the words of ip address add", () => {
  assertEquals(parseAddressWords("10.9.0.1"), { local: "10.9.0.1/32" });
  assertEquals(parseAddressWords("fd00::1"), { local: "fd00::1/128" });
  assertEquals(
    parseAddressWords(
      "10.9.0.1/24 brd +  label ib0:a metric 0x10 noprefixroute",
    ),
    {
      ...{ local: "10.9.0.1/24", broadcast: "+", label: "ib0:a", metric: 16 },
      flags: ["noprefixroute"],
    },
  );
  assertEquals(parseAddressWords("10.9.0.1 peer 10.9.0.2"), {
    ...{ local: "10.9.0.1/32", address: "10.9.0.2" },
  });
});

Deno.test("parseAddressWords() names the word that is wrong", () => {
  for (
    const [value, message] of [
      ["10.9.0.1/33", 'Invalid address "10.9.0.1/33"'],
      ["10.9.0/24", 'Invalid address "10.9.0/24"'],
      ["10.9.0.1/24 brd", 'Word "brd" requires a value'],
      [
        "10.9.0.1/24 brd 10.9.0.255/24",
        'Invalid address "10.9.0.255/24" of brd',
      ],
      ["10.9.0.1/24 dev ib0", 'Unknown word "dev"'],
      ["10.9.0.1/24 metric x", 'Invalid metric "x"'],
      ["10.9.0.1/24 metric 1 metric 2", 'Duplicate word "metric"'],
      [
        "10.9.0.1/24 peer fd00::1",
        'Address "fd00::1" of peer is not of the family of 10.9.0.1/24',
      ],
      [
        "fd00::1/64 brd +",
        "IPv6 address fd00::1/64 cannot have a broadcast address",
      ],
    ] as const
  ) {
    assertThrows(() => parseAddressWords(value), Error, message);
  }
});

Deno.test("parseRouteWords() reads the words of ip route add", () => {
  assertEquals(parseRouteWords("default via 10.9.0.254"), {
    ...{ dst: "0.0.0.0/0", gateway: "10.9.0.254" },
  });
  assertEquals(parseRouteWords("default via fd00::fe onlink"), {
    ...{ dst: "::/0", gateway: "fd00::fe", onlink: true },
  });
  assertEquals(
    parseRouteWords("10.20.0.0/16 table main src 10.9.0.1 metric 7 mtu 1400"),
    {
      ...{ dst: "10.20.0.0/16", table: 254, prefsrc: "10.9.0.1" },
      ...{ metric: 7, mtu: 1400 },
    },
  );
  for (
    const value of ["10.0.0.0/8 via", "default via x", "10.0.0.0/8 dev ib0"]
  ) {
    assertThrows(() => parseRouteWords(value));
  }
});

const octet = fc.nat(255);
const ipv4 = fc.tuple(octet, octet, octet, octet).map((all) => all.join("."));
const ipv6 = fc.tuple(fc.nat(0xffff), fc.nat(0xffff)).map(([a, b]) =>
  `fd00::${a.toString(16)}:${b.toString(16)}`
);
const u32 = fc.nat(0xffffffff);

/** Arbitrary records of one family. */
function routes(
  address: fc.Arbitrary<string>,
  bits: number,
): fc.Arbitrary<RouteRecord> {
  return fc.record({
    dst: fc.oneof(
      fc.constant(bits === 32 ? "0.0.0.0/0" : "::/0"),
      fc.tuple(address, fc.integer({ min: 1, max: bits })).map((both) =>
        both.join("/")
      ),
    ),
    gateway: address,
    prefsrc: address,
    metric: u32,
    table: u32,
    mtu: u32,
    onlink: fc.constant(true),
  }, { requiredKeys: ["dst"] });
}

Deno.test("parseRouteWords() restores every route from the text of routeWords()", () => {
  fc.assert(
    fc.property(fc.oneof(routes(ipv4, 32), routes(ipv6, 128)), (route) => {
      assertEquals(parseRouteWords(routeWords(route)), route);
    }),
  );
});

Deno.test("parseAddressWords() restores every address from the text of addressWords()", () => {
  const own = fc.record({
    local: ipv4,
    prefixlen: fc.nat(32),
    address: ipv4,
    broadcast: ipv4,
    metric: u32,
    label: fc.constant("ib0:x"),
    flags: fc.subarray(["nodad", "noprefixroute", "secondary"]),
  }, { requiredKeys: ["local", "prefixlen", "flags"] });
  fc.assert(fc.property(own, ({ local, prefixlen, flags, ...rest }) => {
    const text = addressWords({
      ...{ family: "inet", scope: "global", local, prefixlen, flags },
      ...{ "valid_life_time": 0xffffffff, "preferred_life_time": 0xffffffff },
      ...rest,
    }, "ib0");
    const settable = flags.filter((flag) => flag !== "secondary");
    assertEquals(parseAddressWords(text!) as unknown, {
      local: `${local}/${prefixlen}`,
      ...rest,
      ...settable.length === 0 ? {} : { flags: settable },
    });
  }));
});

Deno.test("addressWords() leaves out addresses that no administrator added", () => {
  const address = {
    ...{ family: "inet6" as const, local: "fe80::1", prefixlen: 64 },
    ...{ scope: "link", flags: [], "preferred_life_time": 0xffffffff },
  };
  const forever = { ...address, "valid_life_time": 0xffffffff };
  assertEquals(addressWords(forever, "ib0"), undefined);
  const dynamic = { ...address, scope: "global", "valid_life_time": 90 };
  assertEquals(addressWords(dynamic, "ib0"), undefined);
});
