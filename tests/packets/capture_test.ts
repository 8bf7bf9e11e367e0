/** ERF records and pcapng blocks as golden bytes. tests/ipoib/wire_frames_test.ts reads captures with tshark. */

import { assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import { ERF_HEADER_LENGTH, erfRecord } from "./erf.ts";
import {
  enhancedPacket,
  interfaceDescription,
  LinkType,
  sectionHeader,
} from "./pcapng.ts";
import { hex } from "../wire/support.ts";

Deno.test("erfRecord() writes the golden bytes", () => {
  // 0x65432100 seconds and half a second, which is the fraction 0x80000000.
  const time = 0x65432100n * 1_000_000_000n + 500_000_000n;
  assertEquals(
    erfRecord(hex("0102030405"), time),
    hex("00000080 00214365 15 04 0015 0000 0005 0102030405"),
  );
});

Deno.test("erfRecord() throws for a packet that exceeds the length field", () => {
  const most = 0xffff - ERF_HEADER_LENGTH;
  assertEquals(erfRecord(new Uint8Array(most), 0n).length, 0xffff);
  const error = assertThrows(
    () => erfRecord(new Uint8Array(most + 1), 0n),
    IpoibError,
    "Cannot capture a packet of 65520 bytes",
  );
  assertEquals(error.code, "E_CAPTURE_LENGTH");
});

Deno.test("sectionHeader() writes the golden bytes", () => {
  assertEquals(
    sectionHeader("ab"),
    hex(`0a0d0d0a 28000000 4d3c2b1a 0100 0000 ffffffffffffffff
         0400 0200 61620000 00000000 28000000`),
  );
});

Deno.test("interfaceDescription() writes the golden bytes", () => {
  assertEquals(
    interfaceDescription(LinkType.Erf, "ib0", 96),
    hex(`01000000 28000000 c500 0000 60000000
         0200 0300 69623000 0900 0100 09000000 00000000 28000000`),
  );
});

Deno.test("enhancedPacket() writes the golden bytes", () => {
  const packet = {
    interfaceId: 1,
    time: 0x0102030405060708n,
    bytes: hex("aabbccddee"),
  };
  assertEquals(
    enhancedPacket(packet),
    hex(`06000000 28000000 01000000 04030201 08070605 05000000 05000000
         aabbccddee000000 28000000`),
  );
  assertEquals(
    enhancedPacket({
      ...packet,
      originalLength: 9,
      direction: "outbound",
      comment: "x",
    }),
    hex(`06000000 3c000000 01000000 04030201 08070605 05000000 09000000
         aabbccddee000000 0100 0100 78000000 0200 0400 02000000 00000000 3c000000`),
  );
});
