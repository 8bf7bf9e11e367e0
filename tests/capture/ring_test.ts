import { assert, assertEquals, assertGreater } from "@std/assert";
import fc from "fast-check";
import { TestRing } from "./support.ts";

const CAPACITY = 4096;
const KIND = 7;

/** Writes a record of `length` bytes, filled with `value` after its two words. Returns false if it is lost. */
function write({ writer }: TestRing, length: number, value: number): boolean {
  const at = writer.begin(length);
  if (at < 0) return false;
  writer.words[at / 4 + 1] = KIND;
  writer.bytes.fill(value, at + 8, at + length);
  writer.commit();
  return true;
}

/** Takes a record; returns its value and the bytes after its two words, or undefined if there is none. */
function take(
  { reader }: TestRing,
): [value: number, bytes: number] | undefined {
  const at = reader.take();
  if (at < 0) return undefined;
  const length = reader.words[at / 4]!;
  const value = reader.bytes[at + 8]!;
  let bytes = 0;
  while (8 + bytes < length && reader.bytes[at + 8 + bytes] === value) bytes++;
  reader.release();
  return [value, bytes];
}

Deno.test("a ring returns records in order, with lengths rounded up to 8 bytes", () => {
  using ring = new TestRing(CAPACITY);
  assertEquals(take(ring), undefined);
  assert(write(ring, 16, 1));
  assert(write(ring, 24, 2));
  assertEquals(take(ring), [1, 8]);
  assertEquals(take(ring), [2, 16]);
  assertEquals(take(ring), undefined);
});

Deno.test("a record is invisible before it is committed", () => {
  using ring = new TestRing(CAPACITY);
  const at = ring.writer.begin(32);
  assertEquals(ring.reader.take(), -1);
  ring.writer.words[at / 4 + 1] = KIND;
  ring.writer.commit();
  assertEquals(ring.reader.take(), 0);
});

Deno.test("records that do not fit are lost and counted, and do not change the others", () => {
  using ring = new TestRing(CAPACITY);
  for (let i = 0; i < 4; i++) assert(write(ring, 1024, i + 1));
  for (let i = 0; i < 3; i++) assert(!write(ring, 16, 9));
  assertEquals(ring.reader.lost, 3);
  assertEquals(take(ring), [1, 1016]);
  assert(write(ring, 1024, 5));
  for (const value of [2, 3, 4, 5]) assertEquals(take(ring), [value, 1016]);
  assertEquals(ring.reader.lost, 3);
});

Deno.test("a record that is longer than the ring is lost", () => {
  using ring = new TestRing(CAPACITY);
  assert(!write(ring, CAPACITY + 8, 1));
  assert(write(ring, CAPACITY, 2));
  assertEquals(take(ring), [2, CAPACITY - 8]);
});

Deno.test("every record of a random sequence is taken unchanged and in order, or counted as lost", () => {
  const steps = fc.array(
    fc.oneof(fc.integer({ min: 16, max: 2000 }), fc.constant("take" as const)),
    { maxLength: 300 },
  );
  fc.assert(fc.property(steps, (all) => {
    using ring = new TestRing(CAPACITY);
    const waiting: [number, number][] = [];
    let lost = 0;
    for (const [i, step] of all.entries()) {
      if (step === "take") {
        const expected = waiting.shift();
        assertEquals(take(ring)?.[0], expected?.[0]);
        continue;
      }
      const value = i % 250 + 1;
      if (write(ring, step, value)) waiting.push([value, step]);
      else lost++;
    }
    for (const [value, length] of waiting) {
      const taken = take(ring);
      assertEquals(taken?.[0], value);
      assertGreater(taken![1], length - 9);
    }
    assertEquals(take(ring), undefined);
    assertEquals(ring.reader.lost, lost);
  }));
});

Deno.test("records that take the whole ring follow each other", () => {
  using ring = new TestRing(CAPACITY);
  for (let i = 0; i < 2 ** 10; i++) {
    assert(write(ring, CAPACITY, i % 250 + 1));
    assertEquals(take(ring)?.[0], i % 250 + 1);
  }
});

Deno.test("an invalid tail makes the ring full instead of overwriting records", () => {
  using ring = new TestRing(CAPACITY);
  assert(write(ring, 2048, 1));
  const control = new Int32Array(ring.reader.bytes.buffer, 0, 1024);
  for (const tail of [-1, 1000, 0x7fffffff]) {
    control[16] = tail;
    assert(!write(ring, 2056, 2));
    assert(!write(ring, 2056, 2));
  }
  assertEquals(ring.reader.lost, 6);
});

Deno.test("a record with an invalid length ends what can be read, and later records are read", () => {
  for (const length of [0, -8, 12, 1 << 20]) {
    using ring = new TestRing(CAPACITY);
    assert(write(ring, 64, 1));
    assert(write(ring, 64, 2));
    ring.writer.words[0] = length;
    assertEquals(take(ring), undefined);
    assert(write(ring, 64, 3));
    assertEquals(take(ring), [3, 56]);
  }
});
