/** What the io_uring reactor keeps of its stopped readers. */

import { assert, assertEquals } from "@std/assert";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { libc } from "../../ffi/libc.ts";
import { Errno } from "../../src/base/errno.ts";
import { createEventFd, ring } from "../../src/system/event_fd.ts";
import { FakeFrames } from "../../src/system/fake_frames.ts";
import type { FrameBatch, FrameReader } from "../../src/system/frames.ts";
import { socketPair } from "../../src/system/socket_pair.ts";
import {
  openUringReactor,
  UringReactor,
} from "../../src/system/uring/uring_reactor.ts";
import { whyNoUring } from "../e2e/harness/kernel.ts";

const why = whyNoUring();
const missing = why === undefined ? "" : ` (skipped: ${why})`;

/** Collects all garbage of this thread. */
async function collect(): Promise<void> {
  // A WeakRef keeps its target until the current task has ended.
  await new Promise((resolve) => setTimeout(resolve));
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  setFlagsFromString("--no-expose-gc");
}

const COUNT = 10;

/**
 * Starts readers of eventfds one after the other, and ends each with `end`. Returns how many of their sinks are still
 * reachable.
 *
 * @param failed called with the errno of a failed read
 */
async function kept(
  end: (reactor: UringReactor, reader: FrameReader, fd: number) => void,
  failed: (errno: number) => void = () => {},
): Promise<number> {
  const reactor = openUringReactor();
  // A read of less than 8 bytes from an eventfd fails with EINVAL (eventfd(2)).
  const memory = new FakeFrames(4, 4);
  const sinks: WeakRef<object>[] = [];
  const run = () => {
    using event = createEventFd();
    const sink = { onFrames: () => {}, onFailed: failed, onEnd: () => {} };
    sinks.push(new WeakRef(sink));
    const reader = reactor.readFrames(event.number, memory, sink);
    end(reactor, reader, event.number);
    for (let i = 0; i < 3; i++) reactor.turn(0);
  };
  for (let i = 0; i < COUNT; i++) run();
  await collect();
  // The reactor must be reachable until now.
  reactor.turn(0);
  return sinks.filter((sink) => sink.deref() !== undefined).length;
}

/** Registers a test that needs io_uring. */
function ringTest(name: string, fn: () => Promise<void> | void): void {
  Deno.test({ name: `${name}${missing}`, ignore: missing !== "", fn });
}

ringTest(
  "the reactor does not keep a reader that is stopped while it reads",
  async () => {
    assertEquals(
      await kept((reactor, reader) => {
        reactor.turn(0);
        reader.stop();
      }),
      0,
    );
  },
);

ringTest(
  "the reactor does not keep a reader that is stopped before it reads, or twice",
  async () => {
    assertEquals(
      await kept((_reactor, reader) => {
        reader.stop();
        reader.stop();
      }),
      0,
    );
  },
);

ringTest(
  "the reactor does not keep a reader that is stopped after a read has failed",
  async () => {
    const errors: number[] = [];
    const count = await kept(
      (reactor, reader, fd) => {
        ring(fd);
        reactor.turn(0);
        reactor.turn(0);
        reader.stop();
      },
      (errno) => errors.push(errno),
    );
    assertEquals(count, 0);
    assertEquals(errors, Array(COUNT).fill(Errno.EINVAL));
  },
);

ringTest("the reactor keeps a reader that is not stopped", async () => {
  assert(await kept((reactor) => reactor.turn(0)) > 0);
});

const SLOTS = 4;

/** Two readers of one memory, whose sinks free the slots. */
class TwoReaders {
  readonly reactor = openUringReactor();
  readonly memory = new FakeFrames(SLOTS, 64);
  readonly #pairs = [socketPair(), socketPair()];
  readonly readers: readonly FrameReader[];

  /** @param received called with the number of the reader after the slots of its frames were freed */
  constructor(received: (reader: number) => void) {
    this.readers = this.#pairs.map(([end], number) =>
      this.reactor.readFrames(end.number, this.memory, {
        onFrames: ({ slot, count }) => {
          for (let i = 0; i < count; i++) this.memory.unreserve(slot[i]!);
          received(number);
        },
        onFailed: () => {},
        onEnd: () => {},
      })
    );
    this.reactor.turn(0);
  }

  /** Sends a frame to a reader. */
  send(reader: number): void {
    const { number } = this.#pairs[reader]![1];
    assertEquals(libc().write(number, Uint8Array.of(1), 1), 1);
  }

  /** Returns the number of slots that a new reader gets. */
  usable(): number {
    const { reactor, memory } = this;
    for (let i = 0; i < 3; i++) reactor.turn(0);
    const [end, peer] = socketPair();
    let slots = 0;
    const onFrames = ({ count }: FrameBatch) => slots += count;
    const ignore = () => {};
    const sink = { onFrames, onFailed: ignore, onEnd: ignore };
    reactor.readFrames(end.number, memory, sink);
    for (let i = 0; i < 2 * SLOTS; i++) {
      libc().write(peer.number, Uint8Array.of(1), 1);
      reactor.turn(0);
    }
    for (const fd of [end, peer, ...this.#pairs.flat()]) fd.close();
    return slots;
  }
}

ringTest("frames that arrive while readers are stopped use no slots", () => {
  const delivered: number[] = [];
  const two = new TwoReaders((reader) => delivered.push(reader));
  two.send(1);
  // The kernel reads the frame while it takes the cancellation of the other read.
  for (const reader of two.readers) reader.stop();
  assertEquals(two.usable(), SLOTS);
  assertEquals(delivered, []);
});

ringTest(
  "frames of a reader that another one stops before they are delivered use no slots",
  () => {
    const delivered: number[] = [];
    const two = new TwoReaders((reader) => {
      delivered.push(reader);
      for (const reader of two.readers) reader.stop();
    });
    two.send(0);
    two.send(1);
    assertEquals(two.usable(), SLOTS);
    assertEquals(delivered.length, 1);
  },
);
