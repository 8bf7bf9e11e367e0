import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  emitLinkAddress,
  formatLinkAddress,
  groupLinkAddress,
  type LinkAddress,
  linkAddressBytes,
  linkAddressEquals,
  parseLinkAddress,
  parseLinkAddressText,
} from "../../src/wire/link_address.ts";
import { broadcastMgid } from "../../src/wire/mgid.ts";
import { hex, linkAddress, prefilled } from "./support.ts";

const BYTES = hex("80 000048 fe80000000000000 0002c90300000001");
const ADDRESS: LinkAddress = {
  flags: 0x80,
  qpn: 0x48,
  gid: hex("fe80000000000000 0002c90300000001"),
};
const TEXT = "80:00:00:48:fe:80:00:00:00:00:00:00:00:02:c9:03:00:00:00:01";

Deno.test("emitLinkAddress() writes the golden bytes", () => {
  const buffer = prefilled(24);
  assertEquals(emitLinkAddress(ADDRESS, buffer, 2), 20);
  assertEquals(buffer.subarray(2, 22), BYTES);
  assertEquals([buffer[1], buffer[22]], [0xa5, 0xa5]);
});

Deno.test("parseLinkAddress() reads the golden bytes and refuses fewer than 20", () => {
  assertEquals(parseLinkAddress(BYTES), ADDRESS);
  for (let length = 0; length < 20; length++) {
    assertEquals(parseLinkAddress(BYTES.subarray(0, length)), undefined);
  }
  assertEquals(parseLinkAddress(BYTES, 1), undefined);
});

Deno.test("parseLinkAddress() copies the GID", () => {
  const bytes = BYTES.slice();
  const address = parseLinkAddress(bytes)!;
  bytes.fill(0);
  assertEquals(address, ADDRESS);
});

Deno.test("link addresses survive a round trip through bytes and text", () => {
  fc.assert(fc.property(linkAddress, (address) => {
    const bytes = linkAddressBytes(address);
    assertEquals(parseLinkAddress(bytes), address);
    assertEquals(parseLinkAddressText(formatLinkAddress(bytes)), bytes);
  }));
});

Deno.test("formatLinkAddress() prints the format of ip link", () => {
  assertEquals(formatLinkAddress(BYTES), TEXT);
  assertEquals(parseLinkAddressText(TEXT.toUpperCase()), BYTES);
});

Deno.test("parseLinkAddressText() refuses text other than 20 bytes", () => {
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
    formatLinkAddress(linkAddressBytes(address)),
    "00:ff:ff:ff:ff:12:40:1b:80:01:00:00:00:00:00:00:ff:ff:ff:ff",
  );
});

Deno.test("linkAddressEquals() compares all 20 bytes", () => {
  assert(linkAddressEquals(ADDRESS, { ...ADDRESS, gid: ADDRESS.gid.slice() }));
  for (let i = 0; i < 20; i++) {
    const other = BYTES.slice();
    other[i]! ^= 1;
    assert(!linkAddressEquals(ADDRESS, parseLinkAddress(other)!), `byte ${i}`);
  }
});
