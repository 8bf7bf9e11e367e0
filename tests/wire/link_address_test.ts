import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  emitLinkAddress,
  formatLinkAddress,
  groupLinkAddress,
  type LinkAddress,
  linkAddressEquals,
  LinkAddressFlag,
  linkAddressOctets,
  parseLinkAddress,
  parseLinkAddressText,
} from "../../src/wire/link_address.ts";
import { broadcastMgid } from "../../src/wire/mgid.ts";
import { hex, linkAddress, prefilled } from "./support.ts";

const OCTETS = hex("80 000048 fe80000000000000 0002c90300000001");
const ADDRESS: LinkAddress = {
  flags: LinkAddressFlag.Rc,
  qpn: 0x48,
  gid: hex("fe80000000000000 0002c90300000001"),
};
const TEXT = "80:00:00:48:fe:80:00:00:00:00:00:00:00:02:c9:03:00:00:00:01";

Deno.test("emitLinkAddress() writes the golden octets", () => {
  const buffer = prefilled(24);
  assertEquals(emitLinkAddress(ADDRESS, buffer, 2), 20);
  assertEquals(buffer.subarray(2, 22), OCTETS);
  assertEquals([buffer[1], buffer[22]], [0xa5, 0xa5]);
});

Deno.test("parseLinkAddress() reads the golden octets and refuses fewer", () => {
  assertEquals(parseLinkAddress(OCTETS), ADDRESS);
  for (let length = 0; length < 20; length++) {
    assertEquals(parseLinkAddress(OCTETS.subarray(0, length)), undefined);
  }
  assertEquals(parseLinkAddress(OCTETS, 1), undefined);
});

Deno.test("parseLinkAddress() copies the GID", () => {
  const octets = OCTETS.slice();
  const address = parseLinkAddress(octets)!;
  octets.fill(0);
  assertEquals(address, ADDRESS);
});

Deno.test("link addresses survive octets and text", () => {
  fc.assert(fc.property(linkAddress, (address) => {
    const octets = linkAddressOctets(address);
    assertEquals(parseLinkAddress(octets), address);
    assertEquals(parseLinkAddressText(formatLinkAddress(octets)), octets);
  }));
});

Deno.test("formatLinkAddress() prints as ip link does", () => {
  assertEquals(formatLinkAddress(OCTETS), TEXT);
  assertEquals(parseLinkAddressText(TEXT.toUpperCase()), OCTETS);
});

Deno.test("parseLinkAddressText() refuses what is not 20 octets", () => {
  for (
    const text of [
      "",
      TEXT.slice(3),
      `${TEXT}:00`,
      TEXT.replace("48", "148"),
      TEXT.replace("48", ""),
      TEXT.replace("48", "4g"),
      TEXT.replaceAll(":", "-"),
    ]
  ) {
    assertEquals(parseLinkAddressText(text), undefined, text);
  }
});

Deno.test("groupLinkAddress() is the driver's broadcast address", () => {
  const address = groupLinkAddress(broadcastMgid(0x8001));
  assertEquals(
    formatLinkAddress(linkAddressOctets(address)),
    "00:ff:ff:ff:ff:12:40:1b:80:01:00:00:00:00:00:00:ff:ff:ff:ff",
  );
});

Deno.test("linkAddressEquals() compares all 20 octets", () => {
  assert(linkAddressEquals(ADDRESS, { ...ADDRESS, gid: ADDRESS.gid.slice() }));
  for (let i = 0; i < 20; i++) {
    const other = OCTETS.slice();
    other[i]! ^= 1;
    assert(!linkAddressEquals(ADDRESS, parseLinkAddress(other)!), `octet ${i}`);
  }
});
