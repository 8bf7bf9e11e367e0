/** Reading and writing frames, with both reactors. */

import { assert, assertEquals } from "@std/assert";
import { libc } from "../../ffi/libc.ts";
import { Errno } from "../../src/base/errno.ts";
import { FakeFrames } from "../../src/system/fake_frames.ts";
import type { FrameSink, WriteResults } from "../../src/system/frames.ts";
import { PollReactor } from "../../src/system/poll_reactor.ts";
import type { ReactorBase } from "../../src/system/reactor_base.ts";
import { socketPair } from "../../src/system/socket_pair.ts";
import { openUringReactor } from "../../src/system/uring/uring_reactor.ts";
import { whyNoUring } from "../e2e/harness/kernel.ts";
import { EBADF } from "./errno_values.ts";

const why = whyNoUring();

/** Registers a test per reactor. */
function reactorTest(
  name: string,
  run: (reactor: ReactorBase) => void,
): void {
  Deno.test(`poll: ${name}`, () => run(new PollReactor()));
  Deno.test({
    name: `io_uring: ${name}${why === undefined ? "" : ` (skipped: ${why})`}`,
    ignore: why !== undefined,
    fn: () => run(openUringReactor()),
  });
}

/** Collects frames, and frees their slots unless `keep` is set. */
class Collected implements FrameSink {
  readonly frames: number[][] = [];
  readonly batches: number[] = [];
  readonly slots: number[] = [];
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

  onEnd(errno: number): void {
    this.ended.push(errno);
  }
}

class Results implements WriteResults {
  frames = 0;
  bytes = 0;
  readonly refused: number[] = [];

  onWritten(frames: number, bytes: number): void {
    this.frames += frames;
    this.bytes += bytes;
  }

  onRefused(errno: number): void {
    this.refused.push(errno);
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

reactorTest("a failed read ends the reader once", (reactor) => {
  const [reader, writer] = socketPair();
  const memory = new FakeFrames(2, 64);
  const sink = new Collected(memory);
  reactor.readFrames(reader.number, memory, sink);
  reactor.turn(0);
  // Closing a socket with unread data makes the next read of its peer fail with ECONNRESET (unix(7)).
  assertEquals(libc().write(reader.number, Uint8Array.of(1), 1), 1);
  writer.close();
  turns(reactor, 3);
  assertEquals(sink.frames, []);
  assertEquals(sink.ended, [Errno.ECONNRESET]);
  reader.close();
});

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
