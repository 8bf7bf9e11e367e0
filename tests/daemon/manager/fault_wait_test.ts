import { assertEquals } from "@std/assert";
import { FaultWait, LIMIT_MS } from "../../../src/daemon/manager/fault_wait.ts";
import { FakeReactor } from "../../../src/system/fake_reactor.ts";

class Rig {
  readonly reactor = new FakeReactor();
  complete = false;
  readonly done: string[] = [];
  readonly wait = new FaultWait(this.reactor, () => this.complete);

  add(name: string): void {
    this.wait.add(() => this.done.push(name));
  }
}

Deno.test("FaultWait answers at once if every port follows", () => {
  const rig = new Rig();
  rig.complete = true;
  rig.add("a");
  assertEquals([rig.done, rig.reactor.armed], [["a"], 0]);
});

Deno.test("FaultWait answers everybody when the last port has spoken", () => {
  const rig = new Rig();
  rig.add("a");
  rig.reactor.advance(10);
  rig.add("b");
  rig.wait.check();
  assertEquals(rig.done, []);
  rig.complete = true;
  rig.wait.check();
  assertEquals(rig.done, ["a", "b"]);
  rig.reactor.advance(2 * LIMIT_MS);
  assertEquals(rig.done, ["a", "b"]);
});

Deno.test("FaultWait answers each when its time is up", () => {
  const rig = new Rig();
  rig.add("a");
  rig.reactor.advance(LIMIT_MS / 2);
  rig.add("b");
  rig.reactor.advance(LIMIT_MS / 2);
  assertEquals(rig.done, ["a"]);
  rig.reactor.advance(LIMIT_MS / 2);
  assertEquals(rig.done, ["a", "b"]);
  rig.add("c");
  rig.wait.close();
  rig.reactor.advance(LIMIT_MS);
  assertEquals(rig.done, ["a", "b"]);
});
