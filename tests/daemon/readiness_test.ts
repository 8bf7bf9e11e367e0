import { assertEquals, assertRejects } from "@std/assert";
import { Errno } from "../../src/base/errno.ts";
import { IpoibError } from "../../src/base/errors.ts";
import { Readiness } from "../../src/daemon/readiness.ts";

const never = new AbortController().signal;
const IB0 = { name: "ib0", namespace: 1n };

Deno.test("Readiness.running() resolves when the interface is running and configured", async () => {
  const readiness = new Readiness();
  assertEquals(readiness.state(IB0), "starting");
  const waiting = readiness.running(IB0, never);
  let done = false;
  void waiting.then(() => done = true);
  readiness.set(IB0, "waiting for the subnet manager");
  readiness.set({ ...IB0, name: "ib1" }, "running");
  await Promise.resolve();
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(done, false);
  readiness.set(IB0, "running");
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(done, false, "the configuration has not been applied");
  assertEquals(readiness.isReady(IB0), false);
  readiness.setConfigured();
  await waiting;
  assertEquals(readiness.isReady(IB0), true);
  assertEquals(done, true);
  await readiness.running(IB0, never);
});

Deno.test("Readiness.running() rejects when the signal is aborted", async () => {
  const readiness = new Readiness();
  const controller = new AbortController();
  const waiting = readiness.running(IB0, controller.signal);
  controller.abort();
  await assertRejects(() => waiting);
  await assertRejects(() => readiness.running(IB0, controller.signal));
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
  const waiting = readiness.running(IB0, signal);
  for (const state of ["starting", "waiting for the subnet manager"]) {
    readiness.set(IB0, state);
    await new Promise((resolve) => setTimeout(resolve));
    assertEquals(listeners, 1);
  }
  readiness.set(IB0, "running");
  readiness.setConfigured();
  await waiting;
  assertEquals(listeners, 0);
});

Deno.test("Readiness.runningWithin() rejects after the limit, with the state of the interface", async () => {
  const readiness = new Readiness();
  readiness.set(IB0, "waiting for the subnet manager");
  const error = await assertRejects(
    () => readiness.runningWithin(IB0, 10),
    IpoibError,
    "ib0 was not ready within 0.01 s: waiting for the subnet manager",
  );
  assertEquals([error.code, error.errno], ["E_IPC_TIMEOUT", Errno.ETIMEDOUT]);
  readiness.set(IB0, "running");
  readiness.setConfigured();
  await readiness.runningWithin(IB0, 10_000);
});

Deno.test("Readiness.forget() resets the state of an interface", () => {
  const readiness = new Readiness();
  const child = { name: "ib0.8001", namespace: 2n };
  readiness.set(child, "running");
  readiness.forget(child);
  assertEquals(readiness.state(child), "starting");
});

Deno.test("interfaces of the same name in different namespaces have their own states", () => {
  const readiness = new Readiness();
  readiness.setConfigured();
  const other = { ...IB0, namespace: 2n };
  readiness.set(IB0, "running");
  readiness.set(other, "waiting for the port");
  assertEquals([readiness.isReady(IB0), readiness.isReady(other)], [
    true,
    false,
  ]);
  readiness.forget(other);
  assertEquals(readiness.state(IB0), "running");
});
