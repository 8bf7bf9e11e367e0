import { assertEquals, assertRejects } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import { configureLog } from "../../src/base/log.ts";
import {
  type EndReason,
  InterfaceGroup,
  type Member,
} from "../../src/daemon/interface_group.ts";

/** A group of fake interfaces, and the events of both in order. */
class Fixture {
  readonly events: string[] = [];
  log = "";
  readonly members: FakeInterface[];
  readonly group: InterfaceGroup;

  constructor(names: readonly string[], separate = false) {
    this.members = names.map((name) => new FakeInterface(name, this.events));
    this.group = new InterfaceGroup(this.members, separate);
    this.group.onRunning = () => this.events.push("all run");
    this.group.onStopping = () => this.events.push("all end");
    this.group.onStarted = (all) => this.events.push(`created: ${all}`);
  }

  /** Runs the group, and waits until it has started. */
  async run(): Promise<{ end: Promise<boolean> }> {
    configureLog("error", {
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
  /** The step that fails. */
  fails: "listen" | "start" | undefined;
  /** The reason of the last call of `end`. */
  reason: EndReason | undefined;
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

  end(reason: EndReason = "down"): void {
    this.reason = reason;
    this.#end.resolve(undefined);
  }

  fail(failure: IpoibError): void {
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

/** Waits until all pending promise callbacks have run. */
function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

Deno.test("InterfaceGroup listens on all sockets first, and is running when all interfaces run", async () => {
  const fixture = new Fixture(["ib0", "ib1"]);
  const [ib0, ib1] = fixture.members;
  const { end } = await fixture.run();
  ib1!.onRunning();
  fixture.events.push("one runs");
  ib0!.onRunning();
  ib1!.end();
  await settle();
  fixture.events.push("one is down");
  ib0!.end();
  assertEquals(await end, true);
  assertEquals(fixture.events, [
    ...["ib0 listen", "ib1 listen", "ib0 start", "ib1 start"],
    ...["created: true", "one runs", "all run", "ib1 ends", "one is down"],
    ...["all end", "ib0 ends"],
  ]);
});

for (const step of ["listen", "start"] as const) {
  Deno.test(`InterfaceGroup ends all interfaces if one fails to ${step}`, async () => {
    const fixture = new Fixture(["ib0", "ib1", "ib2"]);
    fixture.members[1]!.fails = step;
    const { end } = await fixture.run();
    await assertRejects(() => end, IpoibError, `ib1 cannot ${step}`);
    assertEquals(fixture.events.includes("ib2 start"), false);
    assertEquals(
      fixture.events.filter((event) => event.endsWith("ends")),
      ["ib0 ends", "ib1 ends", "ib2 ends"],
    );
    assertEquals(
      fixture.members.map(({ reason }) => reason),
      Array(3).fill("not started"),
    );
  });
}

for (const step of ["listen", "start"] as const) {
  Deno.test(`InterfaceGroup of separate interfaces continues without one that fails to ${step}`, async () => {
    const fixture = new Fixture(["ib0", "ib1", "ib2"], true);
    const [ib0, ib1, ib2] = fixture.members;
    ib1!.fails = step;
    const { end } = await fixture.run();
    assertEquals(
      fixture.log,
      `ib1: error: ib1 cannot ${step} (a remedy)\n`,
    );
    ib0!.onRunning();
    ib2!.onRunning();
    assertEquals(fixture.events.at(-1), "all run");
    assertEquals(fixture.events.includes("ib2 start"), true);
    assertEquals(fixture.events.includes("created: false"), true);
    assertEquals(fixture.events.includes("ib1 ends"), true);
    ib0!.end();
    ib2!.end();
    assertEquals(await end, false);
  });
}

Deno.test("InterfaceGroup of separate interfaces throws the error if none starts", async () => {
  const fixture = new Fixture(["ib0", "ib1"], true);
  for (const member of fixture.members) member.fails = "start";
  const { end } = await fixture.run();
  await assertRejects(() => end, IpoibError, "ib1 cannot start");
});

Deno.test("InterfaceGroup logs the failure of one interface and continues with the others", async () => {
  const fixture = new Fixture(["ib0", "ib1"]);
  const [ib0, ib1] = fixture.members;
  const { end } = await fixture.run();
  ib0!.onRunning();
  ib1!.fail(failure("The port is gone"));
  await settle();
  assertEquals(fixture.events.slice(-2), ["all run", "ib1 ends"]);
  assertEquals(fixture.log, "ib1: error: The port is gone (a remedy)\n");
  ib0!.end();
  assertEquals(await end, false);
});

Deno.test("InterfaceGroup throws the failure of the last interface", async () => {
  const fixture = new Fixture(["ib0", "ib1"]);
  const { end } = await fixture.run();
  fixture.members[0]!.end();
  await settle();
  fixture.members[1]!.fail(failure("The port is gone"));
  await assertRejects(() => end, IpoibError, "The port is gone");
  assertEquals(fixture.log, "");
});

Deno.test("InterfaceGroup.end() during the start ends all interfaces", async () => {
  const fixture = new Fixture(["ib0", "ib1", "ib2"]);
  fixture.members[1]!.onStart = () => fixture.group.end();
  const { end } = await fixture.run();
  assertEquals(await end, true);
  // Without "created": what ib2 did not start with is for the next process.
  assertEquals(fixture.events.filter((event) => !/listen/.test(event)), [
    ...["ib0 start", "ib1 start", "ib0 ends", "ib1 ends"],
    ...["all end", "ib2 ends"],
  ]);
});
