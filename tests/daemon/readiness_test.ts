import { assertEquals, assertRejects } from "@std/assert";
import { Errno } from "../../src/base/errno.ts";
import { IpoibError } from "../../src/base/errors.ts";
import { Readiness } from "../../src/daemon/readiness.ts";

const never = new AbortController().signal;

Deno.test("Readiness.running() resolves when the interface is running and configured", async () => {
  const readiness = new Readiness();
  assertEquals(readiness.state("ib0"), "starting");
  const waiting = readiness.running("ib0", never);
  let done = false;
  void waiting.then(() => done = true);
  readiness.set("ib0", "waiting for the subnet manager");
  readiness.set("ib1", "running");
  await Promise.resolve();
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(done, false);
  readiness.set("ib0", "running");
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(done, false, "the configuration has not been applied");
  assertEquals(readiness.isReady("ib0"), false);
  readiness.setConfigured();
  await waiting;
  assertEquals(readiness.isReady("ib0"), true);
  assertEquals(done, true);
  await readiness.running("ib0", never);
});

Deno.test("Readiness.running() rejects when the signal is aborted", async () => {
  const readiness = new Readiness();
  const controller = new AbortController();
  const waiting = readiness.running("ib0", controller.signal);
  controller.abort();
  await assertRejects(() => waiting);
  await assertRejects(() => readiness.running("ib0", controller.signal));
});

Deno.test("Readiness.running() leaves no listeners at the signal", async () => {
  const readiness = new Readiness();
  const { signal } = new AbortController();
  let listeners = 0;
  const [add, remove] = [signal.addEventListener, signal.removeEventListener];
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners++;
    add.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners--;
    remove.apply(signal, args);
  };
  const waiting = readiness.running("ib0", signal);
  for (const state of ["starting", "waiting for the subnet manager"]) {
    readiness.set("ib0", state);
    await new Promise((resolve) => setTimeout(resolve));
    assertEquals(listeners, 1);
  }
  readiness.set("ib0", "running");
  readiness.setConfigured();
  await waiting;
  assertEquals(listeners, 0);
});

Deno.test("Readiness.runningWithin() rejects after the limit, with the state of the interface", async () => {
  const readiness = new Readiness();
  readiness.set("ib0", "waiting for the subnet manager");
  const error = await assertRejects(
    () => readiness.runningWithin("ib0", 10),
    IpoibError,
    "ib0 was not ready within 0.01 s: waiting for the subnet manager",
  );
  assertEquals([error.code, error.errno], ["E_IPC_TIMEOUT", Errno.ETIMEDOUT]);
  readiness.set("ib0", "running");
  readiness.setConfigured();
  await readiness.runningWithin("ib0", 10_000);
});

Deno.test("Readiness.forget() resets the state of an interface", () => {
  const readiness = new Readiness();
  readiness.set("ib0.8001", "running");
  readiness.forget("ib0.8001");
  assertEquals(readiness.state("ib0.8001"), "starting");
});
