import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertThrows,
} from "@std/assert";
import { addressOf, libc } from "../../ffi/libc.ts";
import { FakeClock } from "../../src/base/clock.ts";
import { IpoibError } from "../../src/base/errors.ts";
import { createEventFd, ring as ringBell } from "../../src/system/event_fd.ts";
import { Fd } from "../../src/system/fd.ts";
import { openReactor } from "../../src/system/open_reactor.ts";
import { socketPair } from "../../src/system/socket_pair.ts";
import { PollReactor } from "../../src/system/poll_reactor.ts";
import {
  openUringReactor,
  UringReactor,
} from "../../src/system/uring/uring_reactor.ts";
import { whyNoUring } from "../e2e/harness/kernel.ts";

const why = whyNoUring();
const missing = why === undefined ? "" : ` (skipped: ${why})`;

/** A test that needs io_uring: with a reactor of its own. */
function ringTest(name: string, run: (reactor: UringReactor) => void): void {
  Deno.test({
    name: `${name}${missing}`,
    ignore: missing !== "",
    fn: () => run(openUringReactor()),
  });
}

/** Two ends of a stream of messages: each write is one read. */
function messages(): { reader: Fd; writer: Fd } {
  const [reader, writer] = socketPair();
  return { reader, writer };
}

/** Memory for `count` buffers. */
function buffers(count: number, length: number) {
  const bytes = new Uint8Array(count * length);
  const base = addressOf(bytes);
  const addresses = Array.from(
    { length: count },
    (_, i) => base + BigInt(i * length),
  );
  return { bytes, addresses };
}

ringTest(
  "UringReactor calls a watch in each turn in which its descriptor is readable",
  (reactor) => {
    using event = createEventFd();
    let calls = 0;
    const watch = reactor.watch(event.number, () => calls++, { fast: true });
    reactor.turn(0);
    assertEquals(calls, 0);
    ringBell(event.number);
    for (let i = 0; i < 5; i++) reactor.turn(5);
    assert(calls >= 2, "a level that nobody takes is told again and again");
    watch.enable(false);
    reactor.turn(0);
    const before = calls;
    for (let i = 0; i < 3; i++) reactor.turn(0);
    assertEquals(calls, before);
    watch.enable(true);
    for (let i = 0; i < 3; i++) reactor.turn(5);
    assert(calls > before);
    watch.close();
  },
);

ringTest(
  "UringReactor wakes for a bell whose count nobody takes",
  (reactor) => {
    using event = createEventFd();
    reactor.watchBell(event.number);
    reactor.turn(0);
    for (let i = 0; i < 3; i++) {
      ringBell(event.number);
      const start = performance.now();
      reactor.turn(2000);
      assert(performance.now() - start < 1000, `ring ${i} woke the loop`);
    }
  },
);

ringTest("UringReactor.signal() rings with the next wait", (reactor) => {
  using event = createEventFd();
  const value = new Uint8Array(8);
  reactor.signal(event.number);
  assertEquals(libc().read(event.number, value, 8), -1);
  reactor.turn(0);
  assertEquals(libc().read(event.number, value, 8), 8);
  assertEquals(value[0], 1);
});

ringTest("UringReactor runs timers of less than a millisecond", (reactor) => {
  let due = 0;
  const timer = reactor.timer((now) => due = now);
  const start = performance.now();
  timer.at(start + 0.3);
  while (!due && performance.now() - start < 1000) reactor.turn(-1);
  assert(due >= start + 0.3);
});

ringTest(
  "UringReactor.read() reads message after message into posted buffers",
  (reactor) => {
    const { reader, writer } = messages();
    const { bytes, addresses } = buffers(4, 64);
    const group = reactor.provideBuffers(addresses, 64);
    for (let i = 0; i < 4; i++) group.add(i);
    const seen: [number, number, number][] = [];
    reactor.read(reader.number, group, (buffer, length) => {
      seen.push([buffer, length, bytes[buffer * 64]!]);
      group.add(buffer);
    }, () => {});
    reactor.turn(0);
    for (let i = 1; i <= 10; i++) {
      const message = new Uint8Array(i).fill(i);
      assertEquals(libc().write(writer.number, message, i), i);
      reactor.turn(100);
    }
    for (let i = 0; i < 5; i++) reactor.turn(0);
    assertEquals(seen.map(([, length]) => length), [
      1,
      2,
      3,
      4,
      5,
      6,
      7,
      8,
      9,
      10,
    ]);
    for (const [, length, first] of seen) assertEquals(first, length);
    reader.close();
    writer.close();
  },
);

ringTest(
  "UringReactor.read() stops without buffers, says so, and goes on with new ones",
  (reactor) => {
    const { reader, writer } = messages();
    const { addresses } = buffers(2, 64);
    const group = reactor.provideBuffers(addresses, 64);
    group.add(0);
    let empty = 0;
    group.onEmpty = () => empty++;
    const seen: number[] = [];
    reactor.read(reader.number, group, (buffer) => seen.push(buffer), () => {});
    reactor.turn(0);
    const one = new Uint8Array([1]);
    for (let i = 0; i < 2; i++) libc().write(writer.number, one, 1);
    for (let i = 0; i < 4; i++) reactor.turn(5);
    assertEquals(seen, [0]);
    assert(empty > 0);
    assertEquals(group.available, 0);
    group.add(1);
    for (let i = 0; i < 4; i++) reactor.turn(5);
    assertEquals(seen, [0, 1]);
    reader.close();
    writer.close();
  },
);

ringTest("UringReactor.read() reads nothing after stop()", (reactor) => {
  const { reader, writer } = messages();
  const { addresses } = buffers(2, 64);
  const group = reactor.provideBuffers(addresses, 64);
  group.add(0);
  group.add(1);
  let frames = 0;
  const reading = reactor.read(reader.number, group, () => frames++, () => {});
  reactor.turn(0);
  reading.stop();
  libc().write(writer.number, new Uint8Array([1]), 1);
  for (let i = 0; i < 3; i++) reactor.turn(2);
  assertEquals(frames, 0);
  reader.close();
  writer.close();
});

ringTest(
  "UringReactor.write() writes with the next wait and reports failures with their length",
  (reactor) => {
    const { reader, writer } = messages();
    const { bytes, addresses } = buffers(1, 64);
    bytes.fill(7);
    const failures: [number, number][] = [];
    const report = reactor.onWriteFailure((errno, length) =>
      failures.push([errno, length])
    );
    const into = new Uint8Array(64);
    reactor.write(writer.number, addresses[0]!, 5, report);
    assertEquals(libc().read(reader.number, into, 64), -1);
    reactor.turn(0);
    assertEquals(libc().read(reader.number, into, 64), 5);
    assertEquals([...into.subarray(0, 6)], [7, 7, 7, 7, 7, 0]);
    reactor.write(1_000_000, addresses[0]!, 9, report);
    for (let i = 0; i < 3; i++) reactor.turn(2);
    assertEquals(failures, [[9, 9]]);
    reader.close();
    writer.close();
  },
);

ringTest(
  "UringReactor.write() takes more writes in a turn than the ring has entries",
  (reactor) => {
    const { reader, writer } = messages();
    const { addresses } = buffers(1, 64);
    const into = new Uint8Array(64);
    let received = 0;
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 100; i++) {
        reactor.write(writer.number, addresses[0]!, 1, 0);
      }
      reactor.turn(0);
      while (libc().read(reader.number, into, 64) === 1) received++;
    }
    assertEquals(received, 2000);
    reader.close();
    writer.close();
  },
);

Deno.test("openReactor() falls back to poll and says why once", () => {
  const said: string[] = [];
  const forbidden = () => {
    throw new IpoibError(
      "E_URING",
      "Cannot create an io_uring: Operation not permitted",
      { errno: 1 },
    );
  };
  assertInstanceOf(
    openReactor("auto", (text) => said.push(text), forbidden),
    PollReactor,
  );
  assertEquals(said, [
    "Cannot create an io_uring: Operation not permitted; using poll",
  ]);
  assertThrows(
    () => openReactor("uring", () => {}, forbidden),
    IpoibError,
    "Cannot create",
  );
  assertInstanceOf(openReactor("poll", () => {}, forbidden), PollReactor);
  assertEquals(said.length, 1);
});

Deno.test("PollReactor takes the time from the clock that it is given", () => {
  const clock = new FakeClock(5);
  const reactor = new PollReactor(clock);
  let due = -1;
  reactor.timer((now) => due = now).at(7);
  clock.advance(3);
  reactor.turn(0);
  assertEquals(due, 8);
});
