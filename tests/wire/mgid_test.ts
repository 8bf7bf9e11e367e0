import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { formatGid } from "../../src/wire/gid.ts";
import { parseIpv4 } from "../../src/wire/ipv4_address.ts";
import {
  broadcastMgid,
  ipv4Mgid,
  mgidPkey,
  MgidScope,
  mgidSignature,
} from "../../src/wire/mgid.ts";
import { hex } from "./support.ts";

Deno.test("broadcastMgid() is ff12:401b:<pkey>::ffff:ffff with the full-member bit", () => {
  assertEquals(
    broadcastMgid(0xffff),
    hex("ff12 401b ffff 0000 0000 0000 ffff ffff"),
  );
  assertEquals(formatGid(broadcastMgid(0x0001)), "ff12:401b:8001::ffff:ffff");
  assertEquals(
    formatGid(broadcastMgid(0x8001, MgidScope.Global)),
    "ff1e:401b:8001::ffff:ffff",
  );
});

Deno.test("ipv4Mgid() reproduces the example of RFC 4391 section 4", () => {
  // The RFC's link has P_Key 0x8000.
  const link = broadcastMgid(0x8000);
  assertEquals(
    formatGid(ipv4Mgid(parseIpv4("224.0.0.2")!, link)),
    "ff12:401b:8000::2",
  );
});

Deno.test("ipv4Mgid() keeps the low 28 bits and drops the upper four", () => {
  const link = broadcastMgid(0xffff);
  for (
    const [group, text] of [
      ["224.0.0.1", "ff12:401b:ffff::1"],
      ["239.255.255.250", "ff12:401b:ffff::fff:fffa"],
      ["232.1.2.3", "ff12:401b:ffff::801:203"],
      ["255.255.255.255", "ff12:401b:ffff::ffff:ffff"],
    ] as const
  ) {
    assertEquals(formatGid(ipv4Mgid(parseIpv4(group)!, link)), text);
  }
});

Deno.test("ipv4Mgid() copies scope and P_Key from the broadcast MGID and does not change it", () => {
  const link = broadcastMgid(0x8123, MgidScope.SiteLocal);
  const before = link.slice();
  assertEquals(
    formatGid(ipv4Mgid(parseIpv4("224.0.0.1")!, link)),
    "ff15:401b:8123::1",
  );
  assertEquals(link, before);
});

Deno.test("mgidPkey() and mgidSignature() read what ipv4Mgid() writes", () => {
  const link = broadcastMgid(0x8001);
  fc.assert(fc.property(fc.nat(0x0fffffff), (low) => {
    const mgid = ipv4Mgid(low | 0xe0000000, link);
    assertEquals(mgidPkey(mgid), 0x8001);
    assertEquals(mgidSignature(mgid), 0x401b);
  }));
});
