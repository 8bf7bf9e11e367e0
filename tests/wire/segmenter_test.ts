import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Segmenter } from "../../src/wire/segmenter.ts";
import { SummedMemory } from "../../src/wire/summed_memory.ts";
import {
  anyLarge,
  checkSegments,
  CWR,
  FIN,
  frameOf,
  type Large,
  large,
  place,
  PSH,
} from "./large_send_packet.ts";
import { golden, viewOf } from "./support.ts";

const AT = 38;
/** Where the headers of segments are written. */
const HEADERS = 2 * 65_536;

const memory = new SummedMemory(3 * 65_536);
const segmenter = new Segmenter(memory);

/** Cuts a frame; returns the segments, or undefined if it is not a valid large send. */
function cut(frame: Uint8Array, at = AT): Uint8Array[] | undefined {
  const { vnet, ip, length } = place(memory, frame, at);
  if (!segmenter.begin(vnet, ip, length)) return undefined;
  const segments: Uint8Array[] = [];
  while (segmenter.left > 0) {
    const from = segmenter.payload;
    const payload = segmenter.next(HEADERS);
    assertEquals(segmenter.payload, from + payload);
    segments.push(Uint8Array.of(
      ...memory.bytes.subarray(HEADERS, HEADERS + segmenter.headers),
      ...memory.bytes.subarray(from, from + payload),
    ));
  }
  assertEquals(memory.bytes.subarray(at, at + frame.length), frame);
  return segments;
}

/** Cuts a large send and asserts that it is cut correctly. Returns the number of segments. */
function check(fields: Large, at?: number): number {
  const segments = cut(frameOf(fields), at);
  assert(segments);
  checkSegments(fields, segments);
  return segments.length;
}

/** Splits packets that follow each other, by the lengths in their headers. */
function split(packets: Uint8Array): Uint8Array[] {
  if (packets.length === 0) return [];
  const view = viewOf(packets);
  const ipv4 = packets[0]! >> 4 === 4;
  const length = ipv4 ? view.getUint16(2) : 40 + view.getUint16(4);
  return [packets.slice(0, length), ...split(packets.subarray(length))];
}

for (const kind of ["tcp4", "tcp4_ecn", "tcp6", "udp4", "udp6"]) {
  Deno.test(`Segmenter cuts the large send ${kind} into the golden segments`, () => {
    assertEquals(
      cut(golden(`segments/${kind}_large`)),
      split(golden(`segments/${kind}`)),
    );
  });
}

for (const ipv4 of [true, false]) {
  for (const tcp of [true, false]) {
    const name = `${tcp ? "TCP" : "UDP"} over IPv${ipv4 ? 4 : 6}`;
    Deno.test(`Segmenter cuts ${name} into segments with correct headers and checksums`, () => {
      assertEquals(check(large({ ipv4, tcp })), 3);
      assertEquals(check(large({ ipv4, tcp, size: 1250 })), 2);
      assertEquals(check(large({ ipv4, tcp, size: 1249, options: 2 })), 3);
      assertEquals(check(large({ ipv4, tcp, size: 2500 })), 1);
      assertEquals(check(large({ ipv4, tcp, size: 65_535 })), 1);
      const payload = new Uint8Array(300).fill(9);
      assertEquals(check(large({ ipv4, tcp, size: 1, payload })), 300);
    });
  }
}

Deno.test("Segmenter keeps FIN and PSH for the last segment and CWR for the first one", () => {
  for (const flags of [0, FIN, PSH, CWR, FIN | PSH | CWR, 0x1ff]) {
    check(large({ flags }));
    check(large({ flags, ipv4: false }));
    check(large({ flags, size: 5000 }));
  }
});

Deno.test("Segmenter cuts any large send at any offset, as long as a frame can be", () => {
  fc.assert(
    fc.property(
      anyLarge(65_000),
      fc.nat(7),
      (fields, at) => void check(fields, at),
    ),
    { numRuns: 60 },
  );
});

Deno.test("Segmenter sends a UDP checksum of 0 as 0xffff", () => {
  // The last word of the payload makes the checksum 0.
  const payload = new Uint8Array(4);
  const fields = large({ tcp: false, size: 2, payload });
  const [first] = cut(frameOf(fields))!;
  const checksum = first![26]! << 8 | first![27]!;
  payload[0] = checksum >> 8;
  payload[1] = checksum & 255;
  const [zero] = cut(frameOf({ ...fields, payload }))!;
  assertEquals([zero![26], zero![27]], [0xff, 0xff]);
});
