/** What the main thread of an interface answers itself, and what it has its worker answer. */

import { assert, assertEquals } from "@std/assert";
import type { DataCalls } from "../../src/daemon/commands/context.ts";
import { interfaceHandlers } from "../../src/daemon/handlers.ts";
import { Readiness } from "../../src/daemon/readiness.ts";
import type { WorkerThread } from "../../src/daemon/thread/main_side.ts";
import { type Method, methods, placeOf } from "../../src/ipc/schema.ts";
import type { CallContext } from "../../src/ipc/server.ts";
import * as records from "../ipc/records.ts";

type Answer = (method: string, params: unknown) => unknown;

/** The handlers of `ib0` over a worker that answers by `answer`, and what happens to them. */
function interfaceOver(answer: Answer) {
  const calls: [string, unknown][] = [];
  const after: (() => void)[] = [];
  const readiness = new Readiness();
  let stopped = 0;
  const thread = {
    call: async (method: string, params: unknown) => {
      calls.push([method, params]);
      return await answer(method, params);
    },
  } as unknown as WorkerThread<DataCalls>;
  const handlers = interfaceHandlers({
    thread,
    name: () => "ib0",
    readiness,
    clientsEnded: () => 4,
    stop: () => stopped++,
  });
  const context: CallContext = {
    signal: new AbortController().signal,
    gone: () => false,
    afterReply: (action) => after.push(action),
  };
  return {
    ...{ handlers, calls, context, readiness },
    /** The answer was written. */
    replied: () => after.forEach((action) => action()),
    stopped: () => stopped,
  };
}

Deno.test("an interface's socket has a handler for each of its methods and for no other one", () => {
  const { handlers } = interfaceOver(() => ({}));
  const own = (Object.keys(methods) as Method[])
    .filter((method) => placeOf("interface", method) !== undefined);
  assertEquals(Object.keys(handlers).sort(), own.sort());
});

Deno.test("the worker is asked for its tables one by one, and for the rest at once", async () => {
  const gates = new Map<string, (value: unknown) => void>();
  const { handlers, calls, context } = interfaceOver((method) =>
    new Promise((resolve) => gates.set(method, resolve))
  );
  const links = handlers["link.show"]({ name: "ib0" }, context);
  const paths = handlers["path.show"]({}, context);
  const file = handlers.get({ name: "ib0", file: "mtu" }, context);
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(calls.splice(0), [
    ["get", { name: "ib0", file: "mtu" }],
    ["link.show", { name: "ib0" }],
  ]);
  gates.get("link.show")!([records.link]);
  assertEquals(await links, [records.link]);
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(calls, [["path.show", {}]]);
  gates.get("get")!({ value: "2044" });
  gates.get("path.show")!([]);
  assertEquals(await Promise.all([file, paths]), [{ value: "2044" }, []]);
});

Deno.test("stats of the parent have the clients that the socket has disconnected", async () => {
  const child = { ...structuredClone(records.stats), ifname: "ib0.8001" };
  const { handlers, context } = interfaceOver(() =>
    structuredClone([records.stats, child])
  );
  const [first, second] = await handlers.stats({}, context);
  const { counters } = records.stats;
  assertEquals(first!.counters, { ...counters, "control_clients_ended": 4 });
  assertEquals(second!.counters, counters);
});

Deno.test("down ends the interface after the answer, and deletes a child at once", async () => {
  const { handlers, calls, context, replied, stopped } = interfaceOver(() => ({
    deleted: true,
  }));
  assertEquals(await handlers.down({ name: "ib0.8001" }, context), {});
  assertEquals(calls, [["link.del", { name: "ib0.8001" }]]);
  assertEquals(await handlers.down({ name: "ib0" }, context), {});
  assertEquals([calls.length, stopped()], [1, 0]);
  replied();
  assertEquals(stopped(), 1);
});

Deno.test("wait answers once the interface carries traffic", async () => {
  const { handlers, context, readiness } = interfaceOver(() => ({}));
  let answered = false;
  const waiting = Promise.resolve(handlers.wait({}, context))
    .then(() => answered = true);
  readiness.set("ib0", "waiting for the subnet manager");
  await new Promise((resolve) => setTimeout(resolve));
  assert(!answered);
  readiness.set("ib0", "running");
  await waiting;
});
