/** What the io_uring reactor keeps of its stopped readers. */

import { assert, assertEquals } from "@std/assert";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Errno } from "../../src/base/errno.ts";
import { createEventFd, ring } from "../../src/system/event_fd.ts";
import { FakeFrames } from "../../src/system/fake_frames.ts";
import type { FrameReader } from "../../src/system/frames.ts";
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
    const sink = { onFrames: () => {}, onEnd: failed };
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
function ringTest(name: string, fn: () => Promise<void>): void {
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
