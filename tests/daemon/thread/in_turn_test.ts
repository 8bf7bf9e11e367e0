import { assertEquals, assertRejects } from "@std/assert";
import { IpoibError } from "../../../src/base/errors.ts";
import { inTurn } from "../../../src/daemon/thread/in_turn.ts";
import type { WorkerThread } from "../../../src/daemon/thread/main_side.ts";

function context(gone = false) {
  return {
    signal: new AbortController().signal,
    gone: () => gone,
    afterReply: () => {},
  };
}

Deno.test("inTurn() calls the worker for one client at a time, in order, and not for one that has gone", async () => {
  const called: string[] = [];
  const answers = new Map<string, (value: unknown) => void>();
  const thread = {
    call: (method: string) => {
      called.push(method);
      return new Promise((resolve) => answers.set(method, resolve));
    },
  } as unknown as WorkerThread;
  const call = inTurn(thread);
  const first = call("first", {}, context());
  const gone = call("gone", {}, context(true));
  const second = call("second", {}, context());
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(called, ["first"]);
  answers.get("first")!(1);
  assertEquals(await first, 1);
  await assertRejects(() => gone, IpoibError, "Client ended");
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(called, ["first", "second"]);
  answers.get("second")!(2);
  assertEquals(await second, 2);
});

Deno.test("inTurn() goes on after a call that fails", async () => {
  const thread = {
    call: (method: string) =>
      method === "fails"
        ? Promise.reject(new IpoibError("E_X", "no"))
        : Promise.resolve(3),
  } as unknown as WorkerThread;
  const call = inTurn(thread);
  await assertRejects(() => call("fails", {}, context()), IpoibError, "no");
  assertEquals(await call("works", {}, context()), 3);
});
