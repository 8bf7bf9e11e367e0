/** WorkerThread and serve() with a real worker, whose reactor blocks. */

import {
  assert,
  assertEquals,
  assertLessOrEqual,
  assertRejects,
} from "@std/assert";
import { patient } from "../../../scripts/machine.ts";
import { IpoibError } from "../../../src/base/errors.ts";
import { WorkerThread } from "../../../src/daemon/thread/main_side.ts";
import { descriptorTarget } from "../../../src/system/fd.ts";
import type { TestCalls, TestInit } from "./test_worker.ts";

const script = new URL("./test_worker.ts", import.meta.url);
const init: TestInit = { log: "silent" };

async function withThread(
  test: (thread: WorkerThread<TestCalls>) => Promise<void>,
): Promise<void> {
  const thread = new WorkerThread<TestCalls>(script);
  await thread.start(init);
  try {
    await test(thread);
  } finally {
    await thread.close();
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

Deno.test("WorkerThread.call() wakes a worker that sleeps in its reactor", () =>
  withThread(async (thread) => {
    await pause(20);
    assertEquals(await thread.call("echo", { a: [1, "b"] }), { a: [1, "b"] });
  }));

Deno.test("a thousand concurrent calls each get their own result", () =>
  withThread(async (thread) => {
    const calls = Array.from(
      { length: 1000 },
      (_, n) => thread.call("echo", { n }),
    );
    const answers = await Promise.all(calls);
    assertEquals(answers, Array.from({ length: 1000 }, (_, n) => ({ n })));
  }));

Deno.test("a thousand sequential calls with occasional pauses are all answered", () =>
  withThread(async (thread) => {
    for (let n = 0; n < 1000; n++) {
      assertEquals(await thread.call("echo", { n }), { n });
      if (n % 100 === 0) await pause(3);
    }
  }));

Deno.test("calls during a busy command, and calls that a timer answers, get their results", () =>
  withThread(async (thread) => {
    const busy = thread.call("busy", { ms: 50 });
    const later = thread.call("later", { ms: 30 });
    const calls = Array.from(
      { length: 50 },
      (_, n) => thread.call("echo", { n }),
    );
    assertEquals(await Promise.all([busy, later]), ["busy", "later"]);
    assertEquals((await Promise.all(calls)).length, 50);
  }));

Deno.test("WorkerThread.call() rejects with the error of the command", () =>
  withThread(async (thread) => {
    const error = await assertRejects(
      () => thread.call("nonsense", {}),
      IpoibError,
      "No nonsense",
    );
    assertEquals([error.code, error.errno], ["E_TEST", 95]);
    assertEquals(await thread.call("echo", {}), {});
  }));

Deno.test("events arrive in order", () =>
  withThread(async (thread) => {
    const events: unknown[] = [];
    thread.onEvent = (event, data) => events.push([event, data]);
    for (let n = 0; n < 20; n++) void thread.call("emit", { n });
    await thread.call("echo", {});
    assertEquals(
      events,
      Array.from({ length: 20 }, (_, n) => ["event", { n }]),
    );
  }));

Deno.test("WorkerThread.start() throws the error of the worker's start", async () => {
  const thread = new WorkerThread<TestCalls>(script);
  const error = await assertRejects(
    () => thread.start({ ...init, fail: true }),
    IpoibError,
    "Cannot start",
  );
  assertEquals([error.code, error.errno, error.hint], ["E_TEST", 5, "do not"]);
  await assertRejects(
    () => thread.call("echo", {}),
    IpoibError,
    "shutting down",
  );
  await thread.close();
});

Deno.test("a call before the start is answered with its result or E_STARTING", async () => {
  const thread = new WorkerThread<TestCalls>(script);
  const early = thread.call("echo", { early: true }).then(
    (value) => value,
    (error) => (error as IpoibError).code,
  );
  await thread.start(init);
  const answer = await early;
  assert(
    answer === "E_STARTING" || (answer as { early: boolean }).early,
    "the result, or E_STARTING",
  );
  assertEquals(await thread.call("echo", { n: 1 }), { n: 1 });
  await thread.close();
});

Deno.test("WorkerThread.close() closes the objects of the worker and ends it", async () => {
  const thread = new WorkerThread<TestCalls>(script);
  await thread.start(init);
  const events: string[] = [];
  thread.onEvent = (event) => events.push(event);
  await thread.close();
  assertEquals(events, ["closed"]);
  await thread.close();
  await assertRejects(
    () => thread.call("echo", {}),
    IpoibError,
    "shutting down",
  );
});

/** Returns the number of epoll descriptors of the process: each reactor has one. */
function epollDescriptors(): number {
  let count = 0;
  for (let fd = 0; fd < 1024; fd++) {
    if (descriptorTarget(fd) === "anon_inode:[eventpoll]") count++;
  }
  return count;
}

Deno.test("a closed worker leaves no descriptors of its reactor", async () => {
  await withThread(() => Promise.resolve());
  const before = epollDescriptors();
  for (let i = 0; i < 5; i++) {
    await withThread(async (thread) => {
      assertEquals(await thread.call("echo", i), i);
    });
  }
  // The runtime closes its own descriptors of a terminated worker later.
  const limit = performance.now() + patient(5000);
  while (epollDescriptors() > before && performance.now() < limit) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assertLessOrEqual(epollDescriptors(), before);
});

Deno.test("WorkerThread.close() rejects pending calls with E_ENDED", async () => {
  const thread = new WorkerThread<TestCalls>(script);
  await thread.start(init);
  const pending = assertRejects(() => thread.call("never", {}), IpoibError);
  await thread.close();
  assertEquals((await pending).code, "E_ENDED");
});

Deno.test("a crash of the worker rejects all calls and calls onCrash with the error", async () => {
  const thread = new WorkerThread<TestCalls>(script);
  await thread.start(init);
  const crashed = Promise.withResolvers<IpoibError>();
  thread.onCrash = (error) => crashed.resolve(error);
  const open = assertRejects(() => thread.call("never", {}), IpoibError);
  await thread.call("crash", { ms: 1 });
  const error = await crashed.promise;
  assertEquals(error.code, "E_WORKER");
  assert(error.message.includes("crashed in a turn"), error.message);
  await open;
  await assertRejects(() => thread.call("echo", {}), IpoibError);
  await thread.close();
});
