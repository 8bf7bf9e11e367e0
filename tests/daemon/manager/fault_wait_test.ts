import { assertEquals } from "@std/assert";
import { FaultWait, LIMIT_MS } from "../../../src/daemon/manager/fault_wait.ts";
import { FakeReactor } from "../../../src/system/fake_reactor.ts";

class Rig {
  readonly reactor = new FakeReactor();
  applied = false;
  readonly done: string[] = [];
  readonly wait = new FaultWait(this.reactor, () => this.applied);

  add(name: string): void {
    this.wait.add(() => this.done.push(name));
  }
}

Deno.test("FaultWait ends immediately if every port has applied the faults", () => {
  const rig = new Rig();
  rig.applied = true;
  rig.add("a");
  assertEquals([rig.done, rig.reactor.armed], [["a"], 0]);
});

Deno.test("FaultWait ends all waits when the last port has applied the faults", () => {
  const rig = new Rig();
  rig.add("a");
  rig.reactor.advance(10);
  rig.add("b");
  rig.wait.check();
  assertEquals(rig.done, []);
  rig.applied = true;
  rig.wait.check();
  assertEquals(rig.done, ["a", "b"]);
  rig.reactor.advance(2 * LIMIT_MS);
  assertEquals(rig.done, ["a", "b"]);
});

Deno.test("FaultWait ends each wait after its time limit", () => {
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
