import { assertEquals } from "@std/assert";
import { Listeners } from "../../src/base/listeners.ts";

Deno.test("Listeners calls every listener in order with the arguments", () => {
  const listeners = new Listeners<[number, string]>();
  const calls: string[] = [];
  listeners.call(0, "no listener");
  listeners.add((n, text) => calls.push(`a ${n} ${text}`));
  listeners.add((n, text) => calls.push(`b ${n} ${text}`));
  listeners.call(1, "x");
  assertEquals(calls, ["a 1 x", "b 1 x"]);
  assertEquals(listeners.count, 2);
});

Deno.test("Listeners removes only the given registration of a function", () => {
  const listeners = new Listeners<[]>();
  let calls = 0;
  const listener = () => calls++;
  const remove = listeners.add(listener);
  listeners.add(listener);
  listeners.call();
  remove();
  remove();
  listeners.call();
  assertEquals([calls, listeners.count], [3, 1]);
});

Deno.test("Listeners applies changes made during a call at the next call", () => {
  const listeners = new Listeners<[]>();
  const calls: string[] = [];
  const removeFirst = listeners.add(() => {
    calls.push("first");
    removeFirst();
    listeners.add(() => calls.push("new"));
  });
  const removeSecond = listeners.add(() => {
    calls.push("second");
    removeSecond();
  });
  listeners.call();
  assertEquals(calls, ["first", "second"]);
  listeners.call();
  assertEquals(calls, ["first", "second", "new"]);
});
