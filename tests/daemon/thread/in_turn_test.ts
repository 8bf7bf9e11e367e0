import { assertEquals, assertRejects } from "@std/assert";
import { IpoibError } from "../../../src/base/errors.ts";
import { inTurn } from "../../../src/daemon/thread/in_turn.ts";

function context(gone = false) {
  return {
    signal: new AbortController().signal,
    gone: () => gone,
    afterReply: () => {},
  };
}

Deno.test("inTurn() runs one call at a time, in order, and skips calls of disconnected clients", async () => {
  const called: string[] = [];
  const answers = new Map<string, (value: number) => void>();
  const call = (method: string) => () => {
    called.push(method);
    return new Promise<number>((resolve) => answers.set(method, resolve));
  };
  const queue = inTurn();
  const first = queue(context(), call("first"));
  const gone = queue(context(true), call("gone"));
  const second = queue(context(), call("second"));
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(called, ["first"]);
  answers.get("first")!(1);
  assertEquals(await first, 1);
  await assertRejects(() => gone, IpoibError, "Client disconnected");
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(called, ["first", "second"]);
  answers.get("second")!(2);
  assertEquals(await second, 2);
});

Deno.test("inTurn() continues after a failed call", async () => {
  const queue = inTurn();
  const failure = new IpoibError("E_X", "no");
  const fails = () => Promise.reject(failure);
  await assertRejects(() => queue(context(), fails), IpoibError, "no");
  assertEquals(await queue(context(), () => Promise.resolve(3)), 3);
});
