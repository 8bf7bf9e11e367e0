/** Reading and writing frames, with both reactors. */

import { assert, assertEquals } from "@std/assert";
import { libc } from "../../ffi/libc.ts";
import { FakeClock } from "../../src/base/clock.ts";
import { Errno } from "../../src/base/errno.ts";
import { createEventFd, ring } from "../../src/system/event_fd.ts";
import { FakeFrames } from "../../src/system/fake_frames.ts";
import {
  type FrameSink,
  GatheredFrame,
  MAX_PIECES,
  type WriteResults,
} from "../../src/system/frames.ts";
import { READ_PAUSE_MS } from "../../src/system/read_pause.ts";
import { PollReactor } from "../../src/system/poll_reactor.ts";
import type { ReactorBase } from "../../src/system/reactor_base.ts";
import { socketPair } from "../../src/system/socket_pair.ts";
import { openUringReactor } from "../../src/system/uring/uring_reactor.ts";
import { whyNoUring } from "../e2e/harness/kernel.ts";
import { EBADF } from "./errno_values.ts";

const why = whyNoUring();

/** Registers a test per reactor. The clock is that of the reactor. */
function reactorTest(
  name: string,
  run: (reactor: ReactorBase, clock: FakeClock) => void,
): void {
  const clock = new FakeClock();
  Deno.test(`poll: ${name}`, () => run(new PollReactor(clock), clock));
  Deno.test({
    name: `io_uring: ${name}${why === undefined ? "" : ` (skipped: ${why})`}`,
    ignore: why !== undefined,
    fn: () => run(openUringReactor(clock), clock),
  });
}

/** Collects frames, and frees their slots unless `keep` is set. */
class Collected implements FrameSink {
  readonly frames: number[][] = [];
  readonly batches: number[] = [];
  readonly slots: number[] = [];
  readonly failed: number[] = [];
  readonly ended: number[] = [];
  keep = false;
  readonly #memory: FakeFrames;

  constructor(memory: FakeFrames) {
    this.#memory = memory;
  }

  onFrames({ count, slot, length }: Parameters<FrameSink["onFrames"]>[0]) {
    this.batches.push(count);
    for (let i = 0; i < count; i++) {
      this.frames.push([...this.#memory.frame(slot[i]!, length[i]!)]);
      if (this.keep) this.slots.push(slot[i]!);
      else this.#memory.unreserve(slot[i]!);
    }
  }

  onFailed(errno: number): void {
    this.failed.push(errno);
  }

  onEnd(errno: number): void {
    this.ended.push(errno);
  }
}

class Results implements WriteResults {
  frames = 0;
  bytes = 0;
  packets = 0;
  readonly refused: number[] = [];
  refusedPackets = 0;

  onWritten(frames: number, bytes: number, packets: number): void {
    this.frames += frames;
    this.packets += packets;
    this.bytes += bytes;
  }

  onRefused(errno: number, packets: number): void {
    this.refused.push(errno);
    this.refusedPackets += packets;
  }
}

function turns(reactor: ReactorBase, count = 6): void {
  for (let i = 0; i < count; i++) reactor.turn(5);
}

reactorTest("a reader reads frames into slots, in batches", (reactor) => {
  const [reader, writer] = socketPair();
  const memory = new FakeFrames(40, 64);
  const sink = new Collected(memory);
  reactor.readFrames(reader.number, memory, sink);
  reactor.turn(0);
  const sent = Array.from({ length: 30 }, (_, n) => [n, n, 7]);
  for (const frame of sent) {
    assertEquals(libc().write(writer.number, Uint8Array.from(frame), 3), 3);
  }
  turns(reactor);
  assertEquals(sink.frames, sent);
  assert(Math.max(...sink.batches) > 1, "several frames in one batch");
  reader.close();
  writer.close();
});

reactorTest("a reader without slots leaves frames in the queue", (reactor) => {
  const [reader, writer] = socketPair();
  const memory = new FakeFrames(2, 64);
  const sink = new Collected(memory);
  sink.keep = true;
  const frames = reactor.readFrames(reader.number, memory, sink);
  reactor.turn(0);
  for (let n = 0; n < 4; n++) {
    libc().write(writer.number, Uint8Array.of(n), 1);
  }
  turns(reactor);
  assertEquals(sink.frames, [[0], [1]]);
  for (const slot of sink.slots.splice(0)) memory.unreserve(slot);
  frames.resume();
  turns(reactor);
  assertEquals(sink.frames, [[0], [1], [2], [3]]);
  reader.close();
  writer.close();
});

reactorTest("a reader reads nothing after stop()", (reactor) => {
  const [reader, writer] = socketPair();
  const memory = new FakeFrames(2, 64);
  const sink = new Collected(memory);
  const frames = reactor.readFrames(reader.number, memory, sink);
  reactor.turn(0);
  frames.stop();
  libc().write(writer.number, Uint8Array.of(1), 1);
  turns(reactor, 3);
  assertEquals(sink.frames, []);
  reader.close();
  writer.close();
});

reactorTest("a sink may stop all readers", (reactor) => {
  const memory = new FakeFrames(4, 64);
  const pairs = [socketPair(), socketPair()];
  const stops: (() => void)[] = [];
  let delivered = 0;
  for (const [reader, writer] of pairs) {
    const frames = reactor.readFrames(reader.number, memory, {
      onFrames: () => {
        delivered++;
        for (const stop of stops) stop();
      },
      onFailed: () => {},
      onEnd: () => {},
    });
    stops.push(() => frames.stop());
    libc().write(writer.number, Uint8Array.of(1), 1);
  }
  turns(reactor, 3);
  assertEquals(delivered, 1);
  for (const pair of pairs) for (const end of pair) end.close();
});

reactorTest("a reader reads again after a failed read", (reactor, clock) => {
  const [reader, writer] = socketPair();
  const memory = new FakeFrames(2, 64);
  const sink = new Collected(memory);
  const frames = reactor.readFrames(reader.number, memory, sink);
  reactor.turn(0);
  // Closing a socket with unread data makes the next read of its peer fail with ECONNRESET (unix(7)).
  assertEquals(libc().write(reader.number, Uint8Array.of(1), 1), 1);
  assertEquals(libc().write(writer.number, Uint8Array.of(7), 1), 1);
  writer.close();
  turns(reactor);
  assertEquals(sink.failed, [Errno.ECONNRESET]);
  assertEquals(sink.frames, []);
  clock.advance(READ_PAUSE_MS);
  turns(reactor);
  assertEquals(sink.frames, [[7]]);
  assertEquals([sink.failed.length, sink.ended], [1, []]);
  frames.stop();
  reader.close();
});

reactorTest(
  "a reader whose reads all fail pauses after each of them",
  (reactor, clock) => {
    using event = createEventFd();
    // A read of less than 8 bytes from an eventfd fails with EINVAL (eventfd(2)).
    const memory = new FakeFrames(2, 4);
    const sink = new Collected(memory);
    const frames = reactor.readFrames(event.number, memory, sink);
    ring(event.number);
    for (let n = 1; n <= 3; n++) {
      turns(reactor);
      // A free slot does not end the pause.
      frames.resume();
      turns(reactor);
      assertEquals(sink.failed, new Array(n).fill(Errno.EINVAL));
      clock.advance(READ_PAUSE_MS);
    }
    frames.stop();
    turns(reactor);
    assertEquals([sink.failed.length, sink.ended], [3, []]);
  },
);

reactorTest(
  "a read that fails with EFAULT, as of a device that is deleted, ends the reader once",
  (reactor, clock) => {
    const [reader, writer] = socketPair();
    const memory = Object.assign(new FakeFrames(2, 64), {
      vnetAddress: [8n, 8n],
    });
    const sink = new Collected(memory);
    const frames = reactor.readFrames(reader.number, memory, sink);
    reactor.turn(0);
    for (let n = 0; n < 2; n++) {
      libc().write(writer.number, Uint8Array.of(n), 1);
      turns(reactor, 3);
      clock.advance(READ_PAUSE_MS);
    }
    assertEquals([sink.frames, sink.failed], [[], []]);
    assertEquals(sink.ended, [Errno.EFAULT]);
    frames.stop();
    reader.close();
    writer.close();
  },
);

reactorTest(
  "a writer reports written frames once they are submitted, and failures with their errno",
  (reactor) => {
    const [reader, writer] = socketPair();
    const memory = new FakeFrames(1, 64);
    memory.bytes.fill(7);
    const results = new Results();
    const good = reactor.frameWriter(writer.number, results);
    good.write(memory.vnetAddress[0]!, 5);
    const later = reactor.writesLater ? 1 : 0;
    assertEquals([results.frames, good.pending], [1 - later, later]);
    turns(reactor, 3);
    assertEquals(good.pending, 0);
    const into = new Uint8Array(64);
    assertEquals(libc().read(reader.number, into, 64), 5);
    assertEquals([...into.subarray(0, 6)], [7, 7, 7, 7, 7, 0]);
    assertEquals([results.frames, results.bytes], [1, 5]);
    const none = new Results();
    const bad = reactor.frameWriter(1_000_000, none);
    bad.write(memory.vnetAddress[0]!, 9);
    turns(reactor, 3);
    assertEquals([none.frames, none.refused], [0, [EBADF]]);
    reader.close();
    writer.close();
  },
);

reactorTest(
  "a writer writes more frames in a turn than the ring has entries",
  (reactor) => {
    const [reader, writer] = socketPair();
    const memory = new FakeFrames(1, 64);
    const results = new Results();
    const good = reactor.frameWriter(writer.number, results);
    const bad = reactor.frameWriter(1_000_000, results);
    const into = new Uint8Array(64);
    let received = 0;
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 100; i++) good.write(memory.vnetAddress[0]!, 1);
      reactor.turn(0);
      while (libc().read(reader.number, into, 64) === 1) received++;
    }
    assertEquals(received, 2000);
    for (let i = 1; i <= 700; i++) {
      bad.write(memory.vnetAddress[0]!, 1);
      assertEquals(results.refused.length + bad.pending, i);
    }
    turns(reactor);
    assertEquals(bad.pending, 0);
    assertEquals([results.frames, results.bytes], [2000, 2000]);
    assertEquals(results.refused.length, 700);
    reader.close();
    writer.close();
  },
);

/** Returns a frame of the pieces [offset, length] in the memory, which stands for `packets` packets. */
function gathered(
  memory: FakeFrames,
  pieces: readonly (readonly [number, number])[],
  packets: number,
): GatheredFrame {
  const frame = new GatheredFrame();
  for (const [offset, length] of pieces) {
    frame.add(memory.vnetAddress[0]!, offset, length);
  }
  frame.packets = packets;
  frame.bytes = 1000 * packets;
  return frame;
}

Deno.test("GatheredFrame adds an offset to an address across the halves of the address", () => {
  const frame = new GatheredFrame();
  frame.add(0x7fff_ffff_fff0n, 0x20, 5);
  frame.add(0x12_0000_0000n, 0, 7);
  const quads = new BigUint64Array(frame.vectors.buffer);
  assertEquals([...quads.subarray(0, 4)], [
    0x8000_0000_0010n,
    5n,
    0x12_0000_0000n,
    7n,
  ]);
  frame.clear();
  assertEquals([frame.pieces, frame.packets, frame.bytes], [0, 0, 0]);
});

reactorTest(
  "a writer writes the pieces of a gathered frame as one frame, and reports its packets",
  (reactor) => {
    const [reader, writer] = socketPair();
    const memory = new FakeFrames(1, 4096);
    memory.bytes.forEach((_, i) => memory.bytes[i] = i & 255);
    const results = new Results();
    const good = reactor.frameWriter(writer.number, results);
    const frame = gathered(memory, [[3, 4], [0, 1], [100, 2]], 3);
    good.writeGathered(frame);
    good.write(memory.vnetAddress[0]!, 2);
    // The vectors may be reused immediately.
    frame.clear();
    frame.add(memory.vnetAddress[0]!, 50, 1);
    frame.packets = 2;
    frame.bytes = 9;
    good.writeGathered(frame);
    turns(reactor, 3);
    const into = new Uint8Array(64);
    const frames = [7, 2, 1].map((length) => {
      assertEquals(libc().read(reader.number, into, 64), length);
      return [...into.subarray(0, length)];
    });
    assertEquals(frames, [[3, 4, 5, 6, 0, 100, 101], [0, 1], [50]]);
    assertEquals(
      [results.frames, results.bytes, results.packets],
      [3, 3011, 6],
    );
    const none = new Results();
    const bad = reactor.frameWriter(1_000_000, none);
    bad.writeGathered(gathered(memory, [[0, 9], [9, 1]], 5));
    turns(reactor, 3);
    assertEquals(
      [none.frames, none.packets, none.refused, none.refusedPackets],
      [0, 0, [EBADF], 5],
    );
    reader.close();
    writer.close();
  },
);

reactorTest(
  "a writer writes more gathered frames in a turn than the ring holds",
  (reactor) => {
    const [reader, writer] = socketPair();
    const memory = new FakeFrames(1, 256);
    memory.bytes.forEach((_, i) => memory.bytes[i] = i);
    const results = new Results();
    const good = reactor.frameWriter(writer.number, results);
    const into = new Uint8Array(256);
    let received = 0;
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 150; i++) {
        // The pieces differ between the frames.
        const pieces = Array.from(
          { length: MAX_PIECES },
          (_, piece) => [(i + piece) & 255, 1] as const,
        );
        good.writeGathered(gathered(memory, pieces, 1));
        if (i % 50 === 49) {
          reactor.turn(0);
          for (; libc().read(reader.number, into, 256) > 0; received++) {
            const first = received % 150;
            for (let piece = 0; piece < MAX_PIECES; piece++) {
              assertEquals(into[piece], (first + piece) & 255);
            }
          }
        }
      }
    }
    assertEquals([received, results.frames], [600, 600]);
    const none = new Results();
    const bad = reactor.frameWriter(1_000_000, none);
    for (let i = 0; i < 600; i++) {
      bad.writeGathered(gathered(memory, [[0, 1]], 2));
    }
    turns(reactor);
    assertEquals([none.frames, none.refusedPackets], [0, 1200]);
    reader.close();
    writer.close();
  },
);
