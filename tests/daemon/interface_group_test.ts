import { assertEquals, assertRejects } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import { configureLog } from "../../src/base/log.ts";
import {
  InterfaceGroup,
  type Member,
} from "../../src/daemon/interface_group.ts";

/** What happened to a group, in order. */
class World {
  readonly events: string[] = [];
  log = "";
  readonly members: FakeInterface[];
  readonly group: InterfaceGroup;

  constructor(...names: string[]) {
    this.members = names.map((name) => new FakeInterface(name, this.events));
    this.group = new InterfaceGroup(this.members);
    this.group.onRunning = () => this.events.push("all run");
    this.group.onStopping = () => this.events.push("all end");
  }

  /** Begins, and waits until the beginning is over. */
  async run(): Promise<{ end: Promise<boolean> }> {
    await configureLog("error", {
      write: (text) => void (this.log += text),
    });
    const end = this.group.run();
    end.catch(() => {});
    await settle();
    return { end };
  }
}

class FakeInterface implements Member {
  onRunning = () => {};
  onEnding = () => {};
  /** What the step throws. */
  fails: "listen" | "start" | undefined;
  /** Runs during the start. */
  onStart = () => {};
  readonly #end = Promise.withResolvers<IpoibError | undefined>();

  constructor(readonly name: string, readonly events: string[]) {}

  listen(): Promise<void> {
    return this.#step("listen");
  }

  start(): Promise<void> {
    this.onStart();
    return this.#step("start");
  }

  end(failure?: IpoibError): void {
    this.#end.resolve(failure);
  }

  async ended(): Promise<void> {
    const failure = await this.#end.promise;
    this.onEnding();
    this.events.push(`${this.name} ends`);
    if (failure) throw failure;
  }

  #step(step: "listen" | "start"): Promise<void> {
    this.events.push(`${this.name} ${step}`);
    return this.fails === step
      ? Promise.reject(failure(`${this.name} cannot ${step}`))
      : Promise.resolve();
  }
}

function failure(message: string): IpoibError {
  return new IpoibError("E_TEST", message, { hint: "a remedy" });
}

/** Lets everything that is ready to go on do so. */
function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

Deno.test("InterfaceGroup takes all names first, and is ready once all run", async () => {
  const world = new World("ib0", "ib1");
  const [ib0, ib1] = world.members;
  const { end } = await world.run();
  ib1!.onRunning();
  world.events.push("one runs");
  ib0!.onRunning();
  ib1!.end();
  await settle();
  world.events.push("one is down");
  ib0!.end();
  assertEquals(await end, true);
  assertEquals(world.events, [
    ...["ib0 listen", "ib1 listen", "ib0 start", "ib1 start"],
    ...["one runs", "all run", "ib1 ends", "one is down"],
    ...["all end", "ib0 ends"],
  ]);
});

for (const step of ["listen", "start"] as const) {
  Deno.test(`InterfaceGroup leaves nothing if one cannot ${step}`, async () => {
    const world = new World("ib0", "ib1", "ib2");
    world.members[1]!.fails = step;
    const { end } = await world.run();
    await assertRejects(() => end, IpoibError, `ib1 cannot ${step}`);
    assertEquals(world.events.includes("ib2 start"), false);
    assertEquals(
      world.events.filter((event) => event.endsWith("ends")),
      ["ib0 ends", "ib1 ends", "ib2 ends"],
    );
  });
}

Deno.test("InterfaceGroup goes on without one that failed, and tells of it", async () => {
  const world = new World("ib0", "ib1");
  const [ib0, ib1] = world.members;
  const { end } = await world.run();
  ib0!.onRunning();
  ib1!.end(failure("The port is gone"));
  await settle();
  assertEquals(world.events.slice(-2), ["all run", "ib1 ends"]);
  assertEquals(world.log, "ib1: error: The port is gone (a remedy)\n");
  ib0!.end();
  assertEquals(await end, false);
});

Deno.test("InterfaceGroup ends with the failure of the last one", async () => {
  const world = new World("ib0", "ib1");
  const { end } = await world.run();
  world.members[0]!.end();
  await settle();
  world.members[1]!.end(failure("The port is gone"));
  await assertRejects(() => end, IpoibError, "The port is gone");
  assertEquals(world.log, "");
});

Deno.test("InterfaceGroup.end() ends all, also while they begin", async () => {
  const world = new World("ib0", "ib1", "ib2");
  world.members[1]!.onStart = () => world.group.end();
  const { end } = await world.run();
  assertEquals(await end, true);
  assertEquals(world.events.filter((event) => /start|end/.test(event)), [
    ...["ib0 start", "ib1 start", "ib0 ends", "ib1 ends"],
    ...["all end", "ib2 ends"],
  ]);
});
