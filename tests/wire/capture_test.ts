/** ERF headers and pcapng blocks as golden bytes. tests/ipoib/wire_frames_test.ts reads captures with tshark. */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { ERF_HEADER_LENGTH, writeErfHeader } from "../../src/wire/erf.ts";
import {
  type CapturedPacket,
  interfaceDescription,
  interfaceStatistics,
  journalEntry,
  LinkType,
  packetBlockLength,
  sectionHeader,
  writePacketBlock,
} from "../../src/wire/pcapng.ts";
import { hex, viewOf } from "./support.ts";

function erfHeader(
  nanoseconds: number,
  captured: number,
  length: number,
): Uint8Array {
  const bytes = new Uint8Array(ERF_HEADER_LENGTH);
  const view = new DataView(bytes.buffer);
  writeErfHeader(view, 0, 0x65432100, nanoseconds, captured, length);
  return bytes;
}

Deno.test("writeErfHeader() writes the golden bytes", () => {
  // Half a second is the fraction 0x80000000.
  assertEquals(
    erfHeader(500_000_000, 5, 5),
    hex("00000080 00214365 15 04 0015 0000 0005"),
  );
  assertEquals(
    erfHeader(999_999_999, 5, 9),
    hex("fbffffff 00214365 15 04 0015 0000 0009"),
  );
});

Deno.test("writeErfHeader() writes a length that exceeds its field as the maximum", () => {
  assertEquals(
    erfHeader(0, 0xffff - ERF_HEADER_LENGTH, 65_564),
    hex("00000000 00214365 15 04 ffff 0000 ffff"),
  );
});

Deno.test("sectionHeader() writes the golden bytes", () => {
  assertEquals(
    sectionHeader("ab"),
    hex(`0a0d0d0a 28000000 4d3c2b1a 0100 0000 ffffffffffffffff
         0400 0200 61620000 00000000 28000000`),
  );
});

Deno.test("interfaceDescription() writes the golden bytes", () => {
  const described = { linkType: LinkType.Erf, name: "ib0", snapLength: 96 };
  assertEquals(
    interfaceDescription(described),
    hex(`01000000 28000000 c500 0000 60000000
         0200 0300 69623000 0900 0100 09000000 00000000 28000000`),
  );
  assertEquals(
    interfaceDescription({ ...described, description: "x", filter: "arp" }),
    hex(`01000000 38000000 c500 0000 60000000
         0200 0300 69623000 0300 0100 78000000 0900 0100 09000000
         0b00 0400 00617270 00000000 38000000`),
  );
});

/** Returns the block of a packet, written over other bytes. */
function packetBlock(packet: CapturedPacket): Uint8Array {
  const bytes = new Uint8Array(3 + packetBlockLength(packet)).fill(0xa5);
  const end = writePacketBlock(bytes, viewOf(bytes), 3, packet);
  assertEquals(end, bytes.length);
  return bytes.subarray(3);
}

Deno.test("writePacketBlock() writes the golden bytes", () => {
  // 0x0102030405060708 nanoseconds since 1970.
  const packet: CapturedPacket = {
    interfaceId: 1,
    seconds: 72_623_859,
    nanoseconds: 790_382_856,
    bytes: hex("aabbccddee"),
    length: 5,
    direction: "inbound",
  };
  assertEquals(
    packetBlock(packet),
    hex(`06000000 34000000 01000000 04030201 08070605 05000000 05000000
         aabbccddee000000 0200 0400 01000000 00000000 34000000`),
  );
  assertEquals(
    packetBlock({ ...packet, length: 9, direction: "outbound", comment: "x" }),
    hex(`06000000 3c000000 01000000 04030201 08070605 05000000 09000000
         aabbccddee000000 0100 0100 78000000 0200 0400 02000000 00000000 3c000000`),
  );
});

Deno.test("writePacketBlock() writes times exactly", () => {
  fc.assert(fc.property(
    fc.integer({ min: 0, max: 0xffffffff }),
    fc.integer({ min: 0, max: 999_999_999 }),
    (seconds, nanoseconds) => {
      const view = viewOf(
        packetBlock({
          ...{ interfaceId: 0, seconds, nanoseconds, length: 0 },
          ...{ bytes: new Uint8Array(0), direction: "inbound" },
        }).slice(),
      );
      const time = BigInt(view.getUint32(12, true)) << 32n |
        BigInt(view.getUint32(16, true));
      assertEquals(
        time,
        BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds),
      );
    },
  ));
});

Deno.test("interfaceStatistics() writes the golden bytes", () => {
  assertEquals(
    interfaceStatistics({
      interfaceId: 1,
      seconds: 72_623_859,
      nanoseconds: 790_382_856,
      received: 0x102,
      dropped: 3,
    }),
    hex(`05000000 34000000 01000000 04030201 08070605
         0400 0800 0201000000000000 0500 0800 0300000000000000 00000000 34000000`),
  );
});

Deno.test("journalEntry() writes the golden bytes, and each value in one line", () => {
  assertEquals(
    journalEntry({ A: "1", B: "x\ny" }),
    hex(`09000000 18000000 413d310a 423d7820 790a0000 18000000`),
  );
});
