import { assert, assertEquals } from "@std/assert";
import { icmpv6Checksum } from "../../src/wire/checksum.ts";
import {
  emitNd,
  isNd,
  NaFlag,
  NdType,
  parseNd,
  rewriteNd,
} from "../../src/wire/neighbour_discovery.ts";
import { parseLinkAddress } from "../../src/wire/link_address.ts";
import {
  hex,
  ipAddress,
  mutate,
  prefilled,
  random,
  viewOf,
} from "./support.ts";

const LINK_ADDRESS = "00000048 fe80000000000000 0002c90300000001";
const ADDRESS = parseLinkAddress(hex(LINK_ADDRESS))!;
const HEADER = "3a ff fe800000000000000000000000000001";
const GROUP = "ff0200000000000000000001ff000002";
const TARGET = "fe800000000000000000000000000002";
const NONCE = "0e01 010203040506";
/** A solicitation as on the link and as on the device. The checksums come from another program. */
const SOLICITATION = hex(
  `60000000 0038 ${HEADER} ${GROUP} 8700 9da1 00000000 ${TARGET}
   0103 0000 ${LINK_ADDRESS} ${NONCE}`,
);
const DEVICE_SOLICITATION = hex(
  `60000000 0020 ${HEADER} ${GROUP} 8700 668c 00000000 ${TARGET} ${NONCE}`,
);
const ADVERTISEMENT = hex(
  `60000000 0030 3aff fe800000000000000000000000000002
   fe800000000000000000000000000001 8800 523a 60000000 ${TARGET}
   0203 0000 ${LINK_ADDRESS}`,
);

function parse(bytes: Uint8Array) {
  return parseNd(viewOf(bytes), 0, bytes.length);
}

/** Returns a copy of the packet with a correct checksum. */
function repaired(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  const view = viewOf(copy);
  view.setUint16(42, 0);
  view.setUint16(42, icmpv6Checksum(view, 0, 40, copy.length - 40));
  return copy;
}

Deno.test("parseNd() reads a solicitation with its link-layer address", () => {
  const bytes = prefilled(200);
  bytes.set(SOLICITATION, 7);
  const message = parseNd(viewOf(bytes), 7, 150);
  assertEquals(message, {
    type: NdType.NeighbourSolicitation,
    source: ipAddress("fe80::1"),
    destination: ipAddress("ff02::1:ff00:2"),
    target: ipAddress("fe80::2"),
    flags: 0,
    linkAddress: ADDRESS,
    offset: 40,
    length: SOLICITATION.length,
  });
});

Deno.test("emitNd() writes the golden advertisement", () => {
  const bytes = prefilled(100);
  const length = emitNd(
    {
      type: NdType.NeighbourAdvertisement,
      source: ipAddress("fe80::2"),
      destination: ipAddress("fe80::1"),
      target: ipAddress("fe80::2"),
      flags: NaFlag.Solicited | NaFlag.Override,
      linkAddress: ADDRESS,
    },
    viewOf(bytes),
    5,
  );
  assertEquals(bytes.subarray(5, 5 + length), ADVERTISEMENT);
  assertEquals([bytes[4], bytes[5 + length]], [0xa5, 0xa5]);
});

Deno.test("rewriteNd() adds and removes the link-layer address, and keeps other options", () => {
  const rewrite = (bytes: Uint8Array, address?: typeof ADDRESS) => {
    const into = prefilled(200);
    const length = rewriteNd(
      viewOf(bytes),
      0,
      parse(bytes)!,
      address,
      viewOf(into),
      3,
    );
    assertEquals([into[2], into[3 + length]], [0xa5, 0xa5]);
    return into.slice(3, 3 + length);
  };
  assertEquals(rewrite(SOLICITATION), DEVICE_SOLICITATION);
  assertEquals(rewrite(DEVICE_SOLICITATION, ADDRESS), SOLICITATION);
  assertEquals(rewrite(SOLICITATION, ADDRESS), SOLICITATION);
  assertEquals(rewrite(rewrite(ADVERTISEMENT), ADDRESS), ADVERTISEMENT);
});

Deno.test("parseNd() and rewriteNd() accept extension headers before the message", () => {
  const bytes = new Uint8Array(SOLICITATION.length + 8);
  bytes.set(SOLICITATION.subarray(0, 40));
  bytes.set(hex("3a00 0502 0000 0100"), 40);
  bytes.set(SOLICITATION.subarray(40), 48);
  bytes[5]! += 8;
  bytes[6] = 0;
  assertEquals(isNd(viewOf(bytes), 0, bytes.length), true);
  assertEquals(parse(bytes)?.linkAddress, ADDRESS);
  const into = prefilled(200);
  const length = rewriteNd(
    viewOf(bytes),
    0,
    parse(bytes)!,
    undefined,
    viewOf(into),
    0,
  );
  assertEquals(length, bytes.length - 24);
  assert(parse(into.subarray(0, length)));
});

Deno.test("parseNd() refuses messages that are invalid by RFC 4861", () => {
  const changed = (at: number, value: number) => {
    const bytes = SOLICITATION.slice();
    bytes[at] = value;
    return parse(repaired(bytes));
  };
  assert(changed(7, 255));
  assertEquals(changed(7, 254), undefined, "hop limit");
  assertEquals(changed(41, 1), undefined, "code");
  assertEquals(changed(40, 138), undefined, "type");
  assertEquals(changed(65, 0), undefined, "an option of length 0");
  assertEquals(changed(89, 2), undefined, "an option beyond the end");
  const checksum = SOLICITATION.slice();
  checksum[50]! ^= 1;
  assertEquals(parse(checksum), undefined, "checksum");
  for (let length = 0; length < SOLICITATION.length; length++) {
    assertEquals(parse(SOLICITATION.slice(0, length)), undefined);
  }
});

Deno.test("parseNd() ignores a link-layer address option of another length and rewriteNd() removes it", () => {
  // Type 1, length 1: an Ethernet address.
  const bytes = repaired(
    hex(
      `60000000 0020 ${HEADER} ${GROUP} 8700 0000 00000000 ${TARGET}
       0101 020304050607`,
    ),
  );
  const message = parse(bytes)!;
  assertEquals(message.linkAddress, undefined);
  const into = prefilled(200);
  assertEquals(
    rewriteNd(viewOf(bytes), 0, message, undefined, viewOf(into), 0),
    64,
  );
});

Deno.test("rewriteNd() turns every mutated packet that parseNd() accepts into a valid message", () => {
  const next = random(0x6e64);
  let parsed = 0;
  for (let i = 0; i < 20_000; i++) {
    const bytes = mutate(i % 2 ? SOLICITATION : ADVERTISEMENT, next);
    const input = bytes.length > 64 && i % 3 ? repaired(bytes) : bytes;
    const message = parse(input);
    if (!message) continue;
    parsed++;
    const into = prefilled(input.length + 24);
    const length = rewriteNd(
      viewOf(input),
      0,
      message,
      ADDRESS,
      viewOf(into),
      0,
    );
    const again = parse(into.subarray(0, length));
    assertEquals(again?.linkAddress, ADDRESS);
  }
  assert(parsed > 1000, `${parsed} were valid`);
});
