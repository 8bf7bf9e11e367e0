import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { formatGid, parseGid } from "../../src/wire/gid.ts";
import { parseIpv4 } from "../../src/wire/ipv4_address.ts";
import {
  broadcastMgid,
  ipv4Mgid,
  ipv6Mgid,
  isIpoibMgid,
  mgidIpv4,
  mgidPkey,
  MgidScope,
  mgidSignature,
} from "../../src/wire/mgid.ts";
import { hex } from "./support.ts";

const gid = (text: string) => parseGid(text)!;

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

Deno.test("ipv4Mgid() and ipv6Mgid() give the examples of RFC 4391 section 4", () => {
  // The RFC's link has P_Key 0x8000.
  const link = broadcastMgid(0x8000);
  assertEquals(
    formatGid(ipv4Mgid(parseIpv4("224.0.0.2")!, link)),
    "ff12:401b:8000::2",
  );
  assertEquals(formatGid(ipv6Mgid(gid("ff02::2"), link)), "ff12:601b:8000::2");
});

Deno.test("ipv4Mgid() keeps 28 bits and nothing of the upper four", () => {
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

Deno.test("ipv6Mgid() keeps the low 80 bits and the scope of the link", () => {
  const link = broadcastMgid(0xffff);
  for (
    const [group, text] of [
      ["ff02::1", "ff12:601b:ffff::1"],
      ["ff02::1:ff00:5", "ff12:601b:ffff::1:ff00:5"],
      ["ff0e:1:2:3:4:5:6:7", "ff12:601b:ffff:3:4:5:6:7"],
    ] as const
  ) {
    assertEquals(formatGid(ipv6Mgid(gid(group), link)), text);
  }
  const packet = new Uint8Array(40);
  packet.set(gid("ff02::1"), 24);
  assertEquals(formatGid(ipv6Mgid(packet, link, 24)), "ff12:601b:ffff::1");
});

Deno.test("mapping takes scope and P_Key from the broadcast group and leaves it alone", () => {
  const link = broadcastMgid(0x8123, MgidScope.SiteLocal);
  const before = link.slice();
  assertEquals(
    formatGid(ipv4Mgid(parseIpv4("224.0.0.1")!, link)),
    "ff15:401b:8123::1",
  );
  assertEquals(formatGid(ipv6Mgid(gid("ff02::1"), link)), "ff15:601b:8123::1");
  assertEquals(link, before);
});

Deno.test("mgidIpv4() turns ipv4Mgid() back", () => {
  const link = broadcastMgid(0x8001);
  fc.assert(fc.property(fc.nat(0x0fffffff), (low) => {
    const group = low | 0xe0000000;
    const mgid = ipv4Mgid(group, link);
    assertEquals(mgidIpv4(mgid), group);
    assertEquals(mgidPkey(mgid), 0x8001);
    assertEquals(mgidSignature(mgid), 0x401b);
  }));
  assertEquals(mgidIpv4(link), -1);
});

Deno.test("isIpoibMgid() and mgidIpv4() refuse other GIDs", () => {
  assert(isIpoibMgid(gid("ff12:601b:ffff::1")));
  assertEquals(mgidIpv4(gid("ff12:601b:ffff::1")), undefined);
  assertEquals(mgidIpv4(gid("ff12:401b:ffff::f000:1")), undefined);
  for (
    const text of ["fe80::1", "ff02:401b:ffff::1", "ff12:401c:ffff::1", "::"]
  ) {
    assert(!isIpoibMgid(gid(text)), text);
    assertEquals(mgidIpv4(gid(text)), undefined);
  }
  assert(!isIpoibMgid(new Uint8Array(4).fill(0xff)));
});
