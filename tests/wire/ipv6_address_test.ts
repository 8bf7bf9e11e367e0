import { assertEquals } from "@std/assert";
import {
  isIpv6Multicast,
  isLinkLocal,
  isUnspecified,
  linkLocalAddress,
  sameIpv6Prefix,
  solicitedNodeGroup,
} from "../../src/wire/ipv6_address.ts";
import { ipAddress } from "./support.ts";

Deno.test("isUnspecified(), isIpv6Multicast() and isLinkLocal() are exact at the prefix boundaries", () => {
  assertEquals(["::", "::1"].map((each) => isUnspecified(ipAddress(each))), [
    true,
    false,
  ]);
  assertEquals(
    ["ff00::", "ffff::", "feff::"].map((each) =>
      isIpv6Multicast(ipAddress(each))
    ),
    [true, true, false],
  );
  assertEquals(
    ["fe80::", "febf:ffff::1", "fec0::", "fe7f::"].map((each) =>
      isLinkLocal(ipAddress(each))
    ),
    [true, true, false, false],
  );
});

Deno.test("sameIpv6Prefix() compares whole and partial words", () => {
  const same = (a: string, b: string, bits: number) =>
    sameIpv6Prefix(ipAddress(a), ipAddress(b), bits);
  assertEquals(same("fd00::1", "2001::", 0), true);
  assertEquals(same("fd00:0:0:1::1", "fd00:0:0:1::2", 64), true);
  assertEquals(same("fd00:0:0:1::1", "fd00:0:0:2::1", 64), false);
  assertEquals(same("fd00:0:0:2::1", "fd00:0:0:3::1", 63), true);
  assertEquals(same("fd00::1", "fd00::1", 128), true);
  assertEquals(same("fd00::1", "fd00::", 128), false);
});

Deno.test("solicitedNodeGroup() contains the low 24 bits of the address", () => {
  assertEquals(
    String(solicitedNodeGroup(ipAddress("4037::01:800:200e:8c6c"))),
    "ff02::1:ff0e:8c6c",
  );
});

Deno.test("linkLocalAddress() sets the universal bit, as Linux does", () => {
  const text = (guid: bigint) => String(linkLocalAddress(guid));
  assertEquals(text(0x0002c90300000001n), "fe80::202:c903:0:1");
  assertEquals(text(0x020e7117adca1110n), "fe80::20e:7117:adca:1110");
});
