/**
 * Yardstick: a minimal program of the same design, without InfiniBand, links, counters and control.
 *
 * Two processes have a TUN each. io_uring reads frames into slots of a process's memory, from which the other process
 * writes them to its TUN. An eventfd wakes a waiting process. The difference to the program is the cost of its
 * functions.
 *
 *     program.ts SLOTS TUN MEMORY BELL THEIR_MEMORY THEIR_BELL        file descriptors that launch.c passes
 *
 * | control word   | meaning, in the memory of the sending side                        | written by |
 * |----------------|-------------------------------------------------------------------|------------|
 * | Published      | frames published so far                                           | sender     |
 * | Returned       | slots returned so far                                             | receiver   |
 * | ReceiverWaits  | 1: ring the receiver's bell when a frame is published              | both       |
 * | SenderStarved  | 1: ring the sender's bell when slots are returned                 | both       |
 * | Frames, ...    | ring of two words for each frame: slot and length                 | sender     |
 * | Slots, ...     | ring of returned slots                                            | receiver   |
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
/** Indexes of the control words, the first four in separate cache lines. */
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
/** Maximum number of frames written in a turn. */
const FRAMES_PER_TURN = 64;
/** After more frames than this a turn polls again at once; else it waits. */
const MAX_FRAMES_BEFORE_WAIT = 4;
const FOREVER = new Float64Array([Infinity]);

const [slots, tun, memory, bell, theirMemory, theirBell] = Deno.args.map(
  Number,
) as [number, number, number, number, number, number];
const mask = slots - 1;

/** Maps the memory of one side. */
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

/** Clears the flag if the other side has set it, and rings that side's bell. */
function ringIf(words: Int32Array, flag: number): void {
  if (
    Atomics.load(words, flag) === 1 && Atomics.exchange(words, flag, 0) === 1
  ) write(theirBell, oneAddress, 8);
}

/** 32-bit counts of published frames, reclaimed slots, received frames and returned slots. */
let published = 0;
let reclaimed = 0;
let received = 0;
let returned = 0;
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
/** Operations by tag; other completions are ignored. */
const operations = [undefined, frames];

watchBell();
for (;;) {
  // 1. Prepare writes of the frames that the other side has published. ring.enter() below submits them.
  const first = received;
  const waiting = Atomics.load(theirs.words, Word.Published);
  while (received !== waiting && ((received - first) | 0) < FRAMES_PER_TURN) {
    const at = Word.Frames + 2 * (received & mask);
    const slot = theirs.words[at]!;
    write(tun, theirs.addresses[slot]!, theirs.words[at + 1]!);
    received = (received + 1) | 0;
  }
  // 2. Provide returned slots to the kernel for further reads.
  const free = Atomics.load(own.words, Word.Returned);
  while (reclaimed !== free) {
    buffers.add(own.words[Word.Slots + (reclaimed & mask)]!);
    reclaimed = (reclaimed + 1) | 0;
    starved = false;
  }
  buffers.commit();
  if (!reading && !starved) {
    read();
    reading = true;
  }
  // 3. Set the flags for the other side first, then wait only if there is still nothing to do.
  const count = (received - first) | 0;
  let wait = false;
  if (count <= MAX_FRAMES_BEFORE_WAIT) {
    Atomics.store(theirs.words, Word.ReceiverWaits, 1);
    if (starved) Atomics.store(own.words, Word.SenderStarved, 1);
    wait = Atomics.load(theirs.words, Word.Published) === received &&
      !(starved && Atomics.load(own.words, Word.Returned) !== reclaimed);
  }
  ring.enter(wait ? FOREVER : NO_WAIT);
  Atomics.store(theirs.words, Word.ReceiverWaits, 0);
  // 4. Return the slots of written frames.
  for (let i = first; i !== received; i = (i + 1) | 0) {
    const slot = theirs.words[Word.Frames + 2 * (i & mask)]!;
    theirs.words[Word.Slots + (returned & mask)] = slot;
    returned = (returned + 1) | 0;
  }
  if (count > 0) {
    Atomics.store(theirs.words, Word.Returned, returned);
    ringIf(theirs.words, Word.SenderStarved);
  }
  // 5. Publish the frames that were read.
  const before = published;
  ring.harvest(operations);
  if (published !== before) {
    Atomics.store(own.words, Word.Published, published);
    ringIf(own.words, Word.ReceiverWaits);
  }
}
