/**
 * A yardstick: the least program of the same design, without InfiniBand, links, counters or control.
 *
 * Two processes have a TUN each. Frames are read by io_uring straight into slots of the own memory, which the other
 * process maps too and writes from; an eventfd wakes the one that waits. What the program takes longer is its own.
 *
 *     program.ts SLOTS TUN MEMORY BELL THEIR_MEMORY THEIR_BELL        descriptors that launch.c passes on
 *
 * | control word   | what, in the memory of the side that sends                        | written by |
 * |----------------|-------------------------------------------------------------------|------------|
 * | Published      | frames published so far                                           | sender     |
 * | Returned       | slots returned so far                                             | receiver   |
 * | ReceiverWaits  | 1: ring the receiver's bell when something is published           | both       |
 * | SenderStarved  | 1: ring the sender's bell when slots are returned                 | both       |
 * | Frames, ...    | slot and length of each frame, two words, in a circle              | sender     |
 * | Slots, ...     | slots returned, in a circle                                       | receiver   |
 */

import { addressOf } from "../../../ffi/libc.ts";
import { Mapping } from "../../../src/system/memory.ts";
import { ProvidedBuffers } from "../../../src/system/uring/buffer_group.ts";
import {
  CQE_MORE,
  NO_WAIT,
  type Operation,
  Ring,
  SKIP_SUCCESS,
} from "../../../src/system/uring/ring.ts";

const CONTROL_BYTES = 8192;
const SLOT_BYTES = 69_632;
/** Each in a cache line of its own. */
const Word = {
  Published: 0,
  Returned: 16,
  ReceiverWaits: 32,
  SenderStarved: 48,
  Frames: 256,
  Slots: 1024,
} as const;

const Op = { PollAdd: 6, Write: 23, ReadMultishot: 49 } as const;
const BUFFER_SELECT = 1 << 5 << 8;
const POLL_MULTISHOT = 1;
const POLLIN = 1;
const CQE_BUFFER_SHIFT = 16;
const ENOBUFS = 105;
const READ_TAG = 1;
const OTHER_TAG = 2;
/** Frames that one turn writes. */
const FRAMES_PER_TURN = 64;
/** After so few frames a turn waits for more; after more of them it looks again at once. */
const MAX_FRAMES_BEFORE_WAIT = 4;
const FOREVER = new Float64Array([Infinity]);

const [slots, tun, memory, bell, theirMemory, theirBell] = Deno.args.map(
  Number,
) as [number, number, number, number, number, number];
const mask = slots - 1;

/** One side's memory. */
function side(fd: number) {
  const { address, buffer } = new Mapping(
    fd,
    CONTROL_BYTES + slots * SLOT_BYTES,
    "write",
  );
  return {
    words: new Int32Array(buffer, 0, CONTROL_BYTES / 4),
    addresses: Array.from(
      { length: slots },
      (_, slot) => address + BigInt(CONTROL_BYTES + slot * SLOT_BYTES),
    ),
  };
}

const own = side(memory);
const theirs = side(theirMemory);
const ring = new Ring(256);
const buffers = new ProvidedBuffers(ring, 0, own.addresses, SLOT_BYTES);
for (let slot = 0; slot < slots; slot++) buffers.add(slot);
const one = new Uint8Array(new BigUint64Array([1n]).buffer);
const oneAddress = addressOf(one);

function write(fd: number, address: bigint, length: number): void {
  const at = ring.prepare();
  ring.words[at] = Op.Write | SKIP_SUCCESS;
  ring.words[at + 1] = fd;
  ring.words[at + 2] = 0xffffffff;
  ring.words[at + 3] = 0xffffffff;
  ring.quads[(at + 4) >> 1] = address;
  ring.words[at + 6] = length;
  ring.words[at + 8] = OTHER_TAG;
}

function read(): void {
  const at = ring.prepare();
  ring.words[at] = Op.ReadMultishot | BUFFER_SELECT;
  ring.words[at + 1] = tun;
  ring.words[at + 2] = 0xffffffff;
  ring.words[at + 3] = 0xffffffff;
  ring.words[at + 8] = READ_TAG;
}

function watchBell(): void {
  const at = ring.prepare();
  ring.words[at] = Op.PollAdd;
  ring.words[at + 1] = bell;
  ring.words[at + 6] = POLL_MULTISHOT;
  ring.words[at + 7] = POLLIN;
  ring.words[at + 8] = OTHER_TAG;
}

/** Takes a flag that the other side has set, and rings its bell. */
function ringIf(words: Int32Array, flag: number): void {
  if (
    Atomics.load(words, flag) === 1 && Atomics.exchange(words, flag, 0) === 1
  ) write(theirBell, oneAddress, 8);
}

/** Frames published, slots that came back, frames taken, slots given back: so far, as 32-bit counts. */
let published = 0;
let cameBack = 0;
let taken = 0;
let givenBack = 0;
let reading = false;
let starved = false;

const frames: Operation = {
  complete(result, flags) {
    if (!(flags & CQE_MORE)) {
      reading = false;
      if (result === -ENOBUFS) starved = true;
    }
    if (result <= 0) return;
    buffers.taken();
    const at = Word.Frames + 2 * (published & mask);
    own.words[at] = flags >>> CQE_BUFFER_SHIFT;
    own.words[at + 1] = result;
    published = (published + 1) | 0;
  },
};
/** By tag; nobody minds what else completes. */
const operations = [undefined, frames];

watchBell();
for (;;) {
  // 1. What the other side has published is written with the system call below.
  const first = taken;
  const waiting = Atomics.load(theirs.words, Word.Published);
  while (taken !== waiting && ((taken - first) | 0) < FRAMES_PER_TURN) {
    const at = Word.Frames + 2 * (taken & mask);
    const slot = theirs.words[at]!;
    write(tun, theirs.addresses[slot]!, theirs.words[at + 1]!);
    taken = (taken + 1) | 0;
  }
  // 2. Slots that came back are read into again.
  const returned = Atomics.load(own.words, Word.Returned);
  while (cameBack !== returned) {
    buffers.add(own.words[Word.Slots + (cameBack & mask)]!);
    cameBack = (cameBack + 1) | 0;
    starved = false;
  }
  buffers.commit();
  if (!reading && !starved) {
    read();
    reading = true;
  }
  // 3. Wait only if there is nothing to do once the other side knows that it must ring.
  const count = (taken - first) | 0;
  let wait = false;
  if (count <= MAX_FRAMES_BEFORE_WAIT) {
    Atomics.store(theirs.words, Word.ReceiverWaits, 1);
    if (starved) Atomics.store(own.words, Word.SenderStarved, 1);
    wait = Atomics.load(theirs.words, Word.Published) === taken &&
      !(starved && Atomics.load(own.words, Word.Returned) !== cameBack);
  }
  ring.enter(wait ? FOREVER : NO_WAIT);
  Atomics.store(theirs.words, Word.ReceiverWaits, 0);
  // 4. What was written is given back.
  for (let i = first; i !== taken; i = (i + 1) | 0) {
    const slot = theirs.words[Word.Frames + 2 * (i & mask)]!;
    theirs.words[Word.Slots + (givenBack & mask)] = slot;
    givenBack = (givenBack + 1) | 0;
  }
  if (count > 0) {
    Atomics.store(theirs.words, Word.Returned, givenBack);
    ringIf(theirs.words, Word.SenderStarved);
  }
  // 5. What was read is published.
  const before = published;
  ring.harvest(operations);
  if (published !== before) {
    Atomics.store(own.words, Word.Published, published);
    ringIf(own.words, Word.ReceiverWaits);
  }
}
