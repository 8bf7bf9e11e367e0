import { assertEquals } from "@std/assert";
import { addressOf } from "../../ffi/libc.ts";
import { FrameObservers } from "../../src/netdev/frame_observers.ts";
import { FakeFrames } from "../../src/system/fake_frames.ts";
import { FrameBatch, GatheredFrame } from "../../src/system/frames.ts";

type Seen = [direction: string, bytes: number[]];

function observed(): { observers: FrameObservers; seen: Seen[] } {
  const observers = new FrameObservers();
  const seen: Seen[] = [];
  observers.add((direction, frame) => void seen.push([direction, [...frame]]));
  return { observers, seen };
}

Deno.test("frames are copied from the addresses that the device reads from and writes to", () => {
  const { observers, seen } = observed();
  const bytes = Uint8Array.of(1, 2, 3, 4, 5);
  const address = addressOf(bytes);
  observers.written(address + 1n, 3);
  observers.writtenBytes(bytes.subarray(3));
  const gathered = new GatheredFrame();
  gathered.add(address, 0, 2);
  gathered.add(address, 4, 1);
  observers.writtenGathered(gathered);
  assertEquals(seen, [
    ["received", [2, 3, 4]],
    ["received", [4, 5]],
    ["received", [1, 2, 5]],
  ]);
});

Deno.test("a batch of frames that was read is passed frame by frame", () => {
  const { observers, seen } = observed();
  const memory = new FakeFrames(2, 4);
  memory.bytes.set([7, 8, 0, 0, 9]);
  const batch = new FrameBatch(2);
  batch.add(1, 1);
  batch.add(0, 2);
  observers.read(batch, memory);
  assertEquals(seen, [["sent", [9]], ["sent", [7, 8]]]);
});

Deno.test("a frame that is longer than any packet is truncated", () => {
  const { observers, seen } = observed();
  const bytes = new Uint8Array(70_000);
  observers.written(addressOf(bytes), bytes.length);
  assertEquals(seen[0]![1].length, 26 + 65_535);
});

Deno.test("observers are active while there is a listener", () => {
  const observers = new FrameObservers();
  const end = observers.add(() => {});
  assertEquals(observers.active, true);
  end();
  assertEquals(observers.active, false);
});
