import { assertEquals } from "@std/assert";
import { Listeners } from "../../src/base/listeners.ts";

Deno.test("listeners are called in order, with what there is to say", () => {
  const listeners = new Listeners<[number, string]>();
  const heard: string[] = [];
  listeners.call(0, "nobody");
  listeners.add((n, text) => heard.push(`a ${n} ${text}`));
  listeners.add((n, text) => heard.push(`b ${n} ${text}`));
  listeners.call(1, "x");
  assertEquals(heard, ["a 1 x", "b 1 x"]);
  assertEquals(listeners.count, 2);
});

Deno.test("each subscription ends by itself, once", () => {
  const listeners = new Listeners<[]>();
  let heard = 0;
  const listener = () => heard++;
  const end = listeners.add(listener);
  listeners.add(listener);
  listeners.call();
  end();
  end();
  listeners.call();
  assertEquals([heard, listeners.count], [3, 1]);
});

Deno.test("who begins or ends during an event does so after it", () => {
  const listeners = new Listeners<[]>();
  const heard: string[] = [];
  const end = listeners.add(() => {
    heard.push("first");
    end();
    listeners.add(() => heard.push("new"));
  });
  const endSecond = listeners.add(() => {
    heard.push("second");
    endSecond();
  });
  listeners.call();
  assertEquals(heard, ["first", "second"]);
  listeners.call();
  assertEquals(heard, ["first", "second", "new"]);
});
