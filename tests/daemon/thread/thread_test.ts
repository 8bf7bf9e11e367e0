/** WorkerThread, Service and serve() with a real worker, whose reactor blocks. */

import {
  assert,
  assertEquals,
  assertLessOrEqual,
  assertRejects,
} from "@std/assert";
import { patient } from "../../../scripts/machine.ts";
import { IpoibError } from "../../../src/base/errors.ts";
import { Service } from "../../../src/daemon/thread/service.ts";
import { WorkerThread } from "../../../src/daemon/thread/worker_thread.ts";
import { descriptorTarget } from "../../../src/system/fd.ts";
import type { TestCalls, TestInit } from "./test_worker.ts";

const script = new URL("./test_worker.ts", import.meta.url);
const init: TestInit = { log: "silent" };

/** Returns the only service of a worker. */
function onlyService(): Service<TestCalls> {
  return new Service(new WorkerThread(script));
}

async function withService(
  test: (service: Service<TestCalls>) => Promise<void>,
): Promise<void> {
  const service = onlyService();
  await service.start(init);
  try {
    await test(service);
  } finally {
    await service.close();
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

Deno.test("Service.call() wakes a worker that sleeps in its reactor", () =>
  withService(async (service) => {
    await pause(20);
    assertEquals(await service.call("echo", { a: [1, "b"] }), { a: [1, "b"] });
  }));

Deno.test("a thousand concurrent calls each get their own result", () =>
  withService(async (service) => {
    const calls = Array.from(
      { length: 1000 },
      (_, n) => service.call("echo", { n }),
    );
    const answers = await Promise.all(calls);
    assertEquals(answers, Array.from({ length: 1000 }, (_, n) => ({ n })));
  }));

Deno.test("a thousand sequential calls with occasional pauses are all answered", () =>
  withService(async (service) => {
    for (let n = 0; n < 1000; n++) {
      assertEquals(await service.call("echo", { n }), { n });
      if (n % 100 === 0) await pause(3);
    }
  }));

Deno.test("calls during a busy command, and calls that a timer answers, get their results", () =>
  withService(async (service) => {
    const busy = service.call("busy", { ms: 50 });
    const later = service.call("later", { ms: 30 });
    const calls = Array.from(
      { length: 50 },
      (_, n) => service.call("echo", { n }),
    );
    assertEquals(await Promise.all([busy, later]), ["busy", "later"]);
    assertEquals((await Promise.all(calls)).length, 50);
  }));

Deno.test("Service.call() rejects with the error of the command", () =>
  withService(async (service) => {
    const error = await assertRejects(
      () => service.call("nonsense", {}),
      IpoibError,
      "No nonsense",
    );
    assertEquals([error.code, error.errno], ["E_TEST", 95]);
    assertEquals(await service.call("echo", {}), {});
  }));

Deno.test("events arrive in order", () =>
  withService(async (service) => {
    const events: unknown[] = [];
    service.onEvent = (event, data) => events.push([event, data]);
    for (let n = 0; n < 20; n++) void service.call("emit", { n });
    await service.call("echo", {});
    assertEquals(
      events,
      Array.from({ length: 20 }, (_, n) => ["event", { n }]),
    );
  }));

Deno.test("Service.start() throws the error of the worker's start", async () => {
  const service = onlyService();
  const error = await assertRejects(
    () => service.start({ ...init, fail: true }),
    IpoibError,
    "Cannot start",
  );
  assertEquals([error.code, error.errno, error.hint], ["E_TEST", 5, "do not"]);
  await assertRejects(
    () => service.call("echo", {}),
    IpoibError,
    "shutting down",
  );
  await service.close();
});

Deno.test("a call before the start is answered with its result or E_STARTING", async () => {
  const service = onlyService();
  const early = service.call("echo", { early: true }).then(
    (value) => value,
    (error) => (error as IpoibError).code,
  );
  await service.start(init);
  const answer = await early;
  assert(
    answer === "E_STARTING" || (answer as { early: boolean }).early,
    "the result, or E_STARTING",
  );
  assertEquals(await service.call("echo", { n: 1 }), { n: 1 });
  await service.close();
});

Deno.test("Service.close() closes the objects of the worker and ends it", async () => {
  const service = onlyService();
  await service.start(init);
  const events: string[] = [];
  service.onEvent = (event) => events.push(event);
  await service.close();
  assertEquals(events, ["closed"]);
  await service.close();
  await assertRejects(
    () => service.call("echo", {}),
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

/** Waits until the process has at most `count` epoll descriptors. */
async function epollsAtMost(count: number): Promise<void> {
  // The runtime closes its own descriptors of a terminated worker later.
  const limit = performance.now() + patient(5000);
  while (epollDescriptors() > count && performance.now() < limit) {
    await pause(20);
  }
  assertLessOrEqual(epollDescriptors(), count);
}

Deno.test("a closed worker leaves no descriptors of its reactor", async () => {
  await withService(() => Promise.resolve());
  const before = epollDescriptors();
  for (let i = 0; i < 5; i++) {
    await withService(async (service) => {
      assertEquals(await service.call("echo", i), i);
    });
  }
  await epollsAtMost(before);
});

Deno.test("Service.close() rejects pending calls with E_ENDED", async () => {
  const service = onlyService();
  await service.start(init);
  const pending = assertRejects(() => service.call("never", {}), IpoibError);
  await service.close();
  assertEquals((await pending).code, "E_ENDED");
});

Deno.test("a crash of the worker rejects all calls and calls onCrash with the error", async () => {
  const service = onlyService();
  await service.start(init);
  const crashed = Promise.withResolvers<IpoibError>();
  service.onCrash = (error) => crashed.resolve(error);
  const open = assertRejects(() => service.call("never", {}), IpoibError);
  await service.call("crash", { ms: 1 });
  const error = await crashed.promise;
  assertEquals(error.code, "E_WORKER");
  assert(error.message.includes("crashed in a turn"), error.message);
  await open;
  await assertRejects(() => service.call("echo", {}), IpoibError);
  await service.close();
});

Deno.test("services of one worker have their own calls and events, and end one by one", async () => {
  const thread = new WorkerThread(script);
  const [a, b] = [
    new Service<TestCalls>(thread),
    new Service<TestCalls>(thread),
  ];
  const events: unknown[] = [];
  a.onEvent = (event, data) => events.push(["a", event, data]);
  b.onEvent = (event, data) => events.push(["b", event, data]);
  await a.start(init);
  await b.start(init);
  const answers = await Promise.all([
    a.call("later", { ms: 20 }),
    b.call("echo", { n: 1 }),
    a.call("emit", { n: 2 }),
    b.call("emit", { n: 3 }),
  ]);
  assertEquals(answers, ["later", { n: 1 }, {}, {}]);
  assertEquals(events, [["a", "event", { n: 2 }], ["b", "event", { n: 3 }]]);
  await a.close();
  assertEquals(events.at(-1), ["a", "closed", {}]);
  await assertRejects(() => a.call("echo", {}), IpoibError, "shutting down");
  // The reactor sleeps between the calls.
  await pause(20);
  assertEquals(await b.call("echo", { n: 4 }), { n: 4 });
  await b.close();
  assertEquals(events.at(-1), ["b", "closed", {}]);
});

Deno.test("a service that fails to start does not end the others of its worker", async () => {
  const thread = new WorkerThread(script);
  const services = [1, 2, 3].map(() => new Service<TestCalls>(thread));
  const [first, second, third] = services as [
    Service<TestCalls>,
    ...Service<TestCalls>[],
  ];
  const failing = { ...init, fail: true };
  await assertRejects(() => first.start(failing), IpoibError, "Cannot start");
  await second!.start(init);
  await assertRejects(() => third!.start(failing), IpoibError, "Cannot start");
  assertEquals(await second!.call("echo", { n: 1 }), { n: 1 });
  await second!.close();
});

Deno.test("services that close at the same time end their worker with its reactor", async () => {
  await withService(() => Promise.resolve());
  const before = epollDescriptors();
  const thread = new WorkerThread(script);
  const services = [1, 2, 3].map(() => new Service<TestCalls>(thread));
  for (const service of services) await service.start(init);
  await Promise.all(services.map((service) => service.close()));
  await epollsAtMost(before);
});

Deno.test("a crash ends all services of a worker, started or not", async () => {
  const thread = new WorkerThread(script);
  const services = [1, 2, 3].map(() => new Service<TestCalls>(thread));
  const crashes: string[] = [];
  for (const [i, service] of services.entries()) {
    service.onCrash = ({ code }) => crashes.push(`${i} ${code}`);
  }
  const [first, second, third] = services;
  await first!.start(init);
  await second!.start(init);
  const open = assertRejects(() => first!.call("never", {}), IpoibError);
  await second!.call("crash", { ms: 1 });
  await open;
  assertEquals(crashes, ["0 E_WORKER", "1 E_WORKER", "2 E_WORKER"]);
  const error = await assertRejects(() => third!.start(init), IpoibError);
  assertEquals(error.code, "E_WORKER");
  for (const service of services) await service.close();
});
