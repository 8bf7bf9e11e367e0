/** The main thread's end and a worker's, over a real worker whose reactor blocks. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { IpoibError } from "../../../src/base/errors.ts";
import { WorkerThread } from "../../../src/daemon/thread/main_side.ts";
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

Deno.test("a call reaches a worker that sleeps in its reactor", () =>
  withThread(async (thread) => {
    await pause(20);
    assertEquals(await thread.call("echo", { a: [1, "b"] }), { a: [1, "b"] });
  }));

Deno.test("a thousand calls at once are all answered, each with its own answer", () =>
  withThread(async (thread) => {
    const calls = Array.from(
      { length: 1000 },
      (_, n) => thread.call("echo", { n }),
    );
    const answers = await Promise.all(calls);
    assertEquals(answers, Array.from({ length: 1000 }, (_, n) => ({ n })));
  }));

Deno.test("a thousand calls one after the other, with pauses now and then, are all answered", () =>
  withThread(async (thread) => {
    for (let n = 0; n < 1000; n++) {
      assertEquals(await thread.call("echo", { n }), { n });
      if (n % 100 === 0) await pause(3);
    }
  }));

Deno.test("calls are answered while the worker is busy and from its timers", () =>
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

Deno.test("a command that throws answers with its error", () =>
  withThread(async (thread) => {
    const error = await assertRejects(
      () => thread.call("nonsense", {}),
      IpoibError,
      "No nonsense",
    );
    assertEquals([error.code, error.errno], ["E_TEST", 95]);
    assertEquals(await thread.call("echo", {}), {});
  }));

Deno.test("events come in their order", () =>
  withThread(async (thread) => {
    const heard: unknown[] = [];
    thread.onEvent = (event, data) => heard.push([event, data]);
    for (let n = 0; n < 20; n++) void thread.call("emit", { n });
    await thread.call("echo", {});
    assertEquals(
      heard,
      Array.from({ length: 20 }, (_, n) => ["told", { n }]),
    );
  }));

Deno.test("what a worker's start throws is thrown by start()", async () => {
  const thread = new WorkerThread<TestCalls>(script);
  const error = await assertRejects(
    () => thread.start({ ...init, fail: true }),
    IpoibError,
    "Cannot start",
  );
  assertEquals([error.code, error.errno, error.hint], ["E_TEST", 5, "do not"]);
  await assertRejects(() => thread.call("echo", {}), IpoibError, "going down");
  await thread.close();
});

Deno.test("a call before the start is answered too", async () => {
  const thread = new WorkerThread<TestCalls>(script);
  const early = thread.call("echo", { early: true }).then(
    (value) => value,
    (error) => (error as IpoibError).code,
  );
  await thread.start(init);
  const answer = await early;
  assert(
    answer === "E_STARTING" || (answer as { early: boolean }).early,
    "one way or the other",
  );
  assertEquals(await thread.call("echo", { n: 1 }), { n: 1 });
  await thread.close();
});

Deno.test("close() lets the worker close what it hosts, and ends it", async () => {
  const thread = new WorkerThread<TestCalls>(script);
  await thread.start(init);
  const heard: string[] = [];
  thread.onEvent = (event) => heard.push(event);
  await thread.close();
  assertEquals(heard, ["closed"]);
  await thread.close();
  await assertRejects(() => thread.call("echo", {}), IpoibError, "going down");
});

Deno.test("calls that are open when the thread closes are given up", async () => {
  const thread = new WorkerThread<TestCalls>(script);
  await thread.start(init);
  const open = assertRejects(() => thread.call("never", {}), IpoibError);
  await thread.close();
  await open;
});

Deno.test("a worker that dies rejects every call and says why", async () => {
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
