import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { completeChecksum } from "../../src/wire/partial_checksum.ts";
import { SummedMemory } from "../../src/wire/summed_memory.ts";
import {
  anyLarge,
  frameOf,
  large,
  parsed,
  place,
} from "./large_send_packet.ts";

const memory = new SummedMemory(65_536);

/** Completes the checksum of a frame. Returns false if it is invalid. */
function complete(frame: Uint8Array, at: number): boolean {
  const { vnet, ip, length } = place(memory, frame, at);
  return completeChecksum(memory, vnet, ip, length);
}

Deno.test("completeChecksum() completes any TCP and UDP checksum and removes the flag", () => {
  fc.assert(
    fc.property(anyLarge(4000), fc.nat(9), (fields, at) => {
      const frame = frameOf(fields);
      assert(complete(frame, at));
      assertEquals(memory.bytes[at], 0);
      parsed(memory.bytes.slice(at + 26, at + frame.length));
    }),
  );
});

Deno.test("completeChecksum() writes a checksum of 0 as 0 in TCP, and as 0xffff in UDP, where 0 means none", () => {
  for (const ipv4 of [true, false]) {
    for (const tcp of [true, false]) {
      const frame = frameOf(large({ ipv4, tcp, payload: new Uint8Array(40) }));
      const view = new DataView(frame.buffer);
      const field = 12 + view.getUint16(6, true) + view.getUint16(8, true);
      /** Completes the checksum with this value in the last word of the payload, and returns it. */
      const checksum = (word: number) => {
        view.setUint16(frame.length - 2, word);
        assert(complete(frame, 0));
        return memory.view.getUint16(field);
      };
      assertEquals(checksum(checksum(0)), tcp ? 0 : 0xffff);
    }
  }
});

Deno.test("completeChecksum() leaves a packet with a complete checksum as it is", () => {
  const frame = frameOf(large());
  frame[0] = 2;
  assert(complete(frame, 0));
  assertEquals(memory.bytes.subarray(0, frame.length), frame);
});

Deno.test("completeChecksum() refuses a checksum field outside the packet", () => {
  const frame = frameOf(large());
  const view = new DataView(frame.buffer);
  const length = frame.length - 26;
  for (const [start, offset] of [[13, 16], [14, length - 1], [65_535, 0]]) {
    view.setUint16(6, start!, true);
    view.setUint16(8, offset!, true);
    assert(!complete(frame, 0));
    assertEquals(memory.bytes.subarray(0, frame.length), frame);
  }
  view.setUint16(6, 14, true);
  view.setUint16(8, length - 2, true);
  assert(complete(frame, 0));
});
