import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertThrows,
} from "@std/assert";
import { ioUringCalls } from "../../ffi/io_uring.ts";
import { libc } from "../../ffi/libc.ts";
import { FakeClock } from "../../src/base/clock.ts";
import { Errno } from "../../src/base/errno.ts";
import { IpoibError } from "../../src/base/errors.ts";
import { createEventFd, ring as ringBell } from "../../src/system/event_fd.ts";
import { openReactor } from "../../src/system/open_reactor.ts";
import { PollReactor } from "../../src/system/poll_reactor.ts";
import {
  openUringReactor,
  UringReactor,
} from "../../src/system/uring/uring_reactor.ts";
import { whyNoUring } from "../e2e/harness/kernel.ts";
import { FailingCall } from "./failing_call.ts";

const why = whyNoUring();
const missing = why === undefined ? "" : ` (skipped: ${why})`;

/** Registers a test that needs io_uring, and runs it with a new reactor. */
function ringTest(name: string, run: (reactor: UringReactor) => void): void {
  Deno.test({
    name: `${name}${missing}`,
    ignore: missing !== "",
    fn: () => run(openUringReactor()),
  });
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
    assert(calls >= 2, "level-triggered");
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
  "UringReactor wakes at each ring of a bell whose count is never read",
  (reactor) => {
    using event = createEventFd();
    reactor.doorbells.watch(event.number);
    let turns = 0;
    reactor.onTurnEnd(() => turns++);
    reactor.turn(0);
    for (let i = 0; i < 3; i++) {
      ringBell(event.number);
      // Without a limit: the turn ends only if the ring wakes it.
      reactor.turn(-1);
    }
    assertEquals(turns, 4);
  },
);

ringTest("UringReactor rings a bell with the next wait", (reactor) => {
  using event = createEventFd();
  const value = new Uint8Array(8);
  const bell = reactor.doorbells.open(event.number, () => {});
  bell.ring();
  assertEquals(libc().read(event.number, value, 8), -1);
  reactor.turn(0);
  assertEquals(libc().read(event.number, value, 8), 8);
  assertEquals(value[0], 1);
  bell.close();
});

ringTest(
  "UringReactor reports a failed ring of an eventfd that is full or was made blocking, and does not block",
  (reactor) => {
    using event = createEventFd();
    let failures = 0;
    const bell = reactor.doorbells.open(event.number, () => failures++);
    const full = new Uint8Array(new BigUint64Array([2n ** 64n - 2n]).buffer);
    assertEquals(libc().write(event.number, full, 8), 8);
    bell.ring();
    reactor.turn(0);
    assertEquals(failures, 1);
    const F_SETFL = 4;
    libc().fcntl(event.number, F_SETFL, 2n);
    bell.ring();
    reactor.turn(0);
    assertEquals(failures, 2);
    bell.close();
    bell.ring();
    reactor.turn(0);
    assertEquals(failures, 2);
  },
);

ringTest(
  "UringReactor loses no operation of a full queue of which the kernel takes none at first",
  (reactor) => {
    using event = createEventFd();
    reactor.doorbells.open(event.number, () => {}).ring();
    let refused = 0;
    const writer = reactor.frameWriter(1_000_000, {
      onWritten: () => {},
      onRefused: () => refused++,
    });
    using failing = new FailingCall(ioUringCalls(), "enter", 1, Errno.EAGAIN);
    for (let i = 0; i < 700; i++) writer.write(0n, 1);
    assertEquals(failing.failed, true);
    for (let i = 0; i < 3; i++) reactor.turn(0);
    const rung = libc().read(event.number, new Uint8Array(8), 8) === 8;
    assertEquals([rung, refused], [true, 700]);
  },
);

ringTest("UringReactor runs a timer of less than a millisecond", (reactor) => {
  let due = 0;
  const timer = reactor.timer((now) => due = now);
  const start = reactor.clock.now();
  timer.at(start + 0.3);
  for (let i = 0; i < 100 && !due; i++) reactor.turn(-1);
  assert(due >= start + 0.3);
});

Deno.test("openReactor() falls back to poll and reports the reason once", () => {
  const reports: string[] = [];
  const forbidden = () => {
    throw new IpoibError(
      "E_URING",
      "Cannot create an io_uring: Operation not permitted",
      { errno: 1 },
    );
  };
  assertInstanceOf(
    openReactor("auto", (text) => reports.push(text), forbidden),
    PollReactor,
  );
  assertEquals(reports, [
    "Cannot create an io_uring: Operation not permitted; using poll",
  ]);
  assertThrows(
    () => openReactor("uring", () => {}, forbidden),
    IpoibError,
    "Cannot create",
  );
  assertInstanceOf(openReactor("poll", () => {}, forbidden), PollReactor);
  assertEquals(reports.length, 1);
});

Deno.test("PollReactor reads the time from the given clock", () => {
  const clock = new FakeClock(5);
  const reactor = new PollReactor(clock);
  let due = -1;
  reactor.timer((now) => due = now).at(7);
  clock.advance(3);
  reactor.turn(0);
  assertEquals(due, 8);
});
