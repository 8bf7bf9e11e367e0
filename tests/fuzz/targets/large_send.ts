/** Fuzz target of large sends: frames from the kernel, cut into segments that are checked and put together again. */

import { assert, assertEquals } from "@std/assert";
import { FRAME_HEADER_LENGTH } from "../../../src/wire/ethernet.ts";
import { MAX_LARGE_SEND_HEADERS } from "../../../src/wire/large_send.ts";
import { completeChecksum } from "../../../src/wire/partial_checksum.ts";
import { Segmenter } from "../../../src/wire/segmenter.ts";
import { SummedMemory } from "../../../src/wire/summed_memory.ts";
import { parsed, setPseudoSum } from "../../wire/large_send_packet.ts";
import { assertSameBytes, type FuzzTarget, parserTarget } from "./target.ts";

/** Where the headers of a segment are written, between bytes that must not change. */
const HEADERS = 65_536 + 1024;
const GUARD = 64;
const GUARD_BYTE = 0xa5;
/** Number of segments at the start and at the end of a large send that are parsed. */
const PARSED = 4;

const memory = new SummedMemory(2 * 65_536);
const segmenter = new Segmenter(memory);
const { bytes } = memory;

/** Cuts the frame at offset 0, or completes its checksum. Returns false if it is invalid. */
function cut(input: Uint8Array): boolean {
  const length = input.length - FRAME_HEADER_LENGTH;
  bytes.set(input);
  if (input[1] === 0) {
    return completeChecksum(memory, 0, FRAME_HEADER_LENGTH, length);
  }
  if (!segmenter.begin(0, FRAME_HEADER_LENGTH, length)) return false;
  const { headers, payload } = segmenter;
  assert(headers <= MAX_LARGE_SEND_HEADERS);
  // The sum of the pseudo-header is trusted, so it must be correct for correct segments.
  setPseudoSum(bytes.subarray(FRAME_HEADER_LENGTH, input.length), headers);
  const frame = bytes.slice(0, input.length);
  assert(segmenter.begin(0, FRAME_HEADER_LENGTH, length));
  checkSegments(payload);
  assertSameBytes(bytes.subarray(0, input.length), frame);
  return true;
}

/** Writes all segments, and checks that they are disjoint and contain the whole payload. */
function checkSegments(start: number): void {
  const total = segmenter.left;
  bytes.fill(GUARD_BYTE, HEADERS - GUARD, HEADERS + 512);
  let at = start;
  let size = 0;
  for (let i = 0; segmenter.left > 0; i++) {
    assertEquals(segmenter.payload, at);
    const length = segmenter.next(HEADERS);
    // All segments but the last one have the same size.
    if (i === 0) size = length;
    if (i < PARSED || segmenter.left < PARSED * size) checkSegment(at, length);
    at += length;
  }
  assertEquals(at, start + total);
  const after = HEADERS + segmenter.headers;
  for (const from of [HEADERS - GUARD, after]) {
    for (let i = 0; i < GUARD; i++) assertEquals(bytes[from + i], GUARD_BYTE);
  }
}

/** Checks the lengths and checksums of a segment and its payload. */
function checkSegment(at: number, length: number): void {
  const { headers } = segmenter;
  const packet = new Uint8Array(headers + length);
  packet.set(bytes.subarray(HEADERS, HEADERS + headers));
  packet.set(bytes.subarray(at, at + length), headers);
  assertSameBytes(parsed(packet).payload, packet.subarray(headers));
}

export const largeSendTarget: FuzzTarget = {
  ...parserTarget(
    "large_send",
    "bytes",
    (input) => input.length > FRAME_HEADER_LENGTH && cut(input),
  ),
  fullMutations: 1_000_000,
};
