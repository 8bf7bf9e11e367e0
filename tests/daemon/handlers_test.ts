/** Handlers of an interface's control socket: those that run in the main thread, and those that call the worker. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import type { DataCalls } from "../../src/daemon/commands/context.ts";
import { EventHistory } from "../../src/daemon/event_history.ts";
import { interfaceHandlers } from "../../src/daemon/handlers.ts";
import { InterfacePlaces } from "../../src/daemon/interface_places.ts";
import { Readiness } from "../../src/daemon/readiness.ts";
import type { Service } from "../../src/daemon/thread/service.ts";
import { type Method, methods, placeOf } from "../../src/ipc/schema.ts";
import type { StreamContext } from "../../src/ipc/server.ts";
import * as records from "../ipc/records.ts";

type Answer = (method: string, params: unknown) => unknown;

/** Namespaces of the parent, and of a container with a child of the same name. */
const HOST = 1n;
const CONTAINER = 2n;

const PARENT = { name: "ib0", namespace: HOST };

/** Creates the handlers of `ib0` with a fake worker that answers with `answer`, and records calls and actions. */
function interfaceOver(answer: Answer) {
  const calls: [string, unknown][] = [];
  const after: (() => void)[] = [];
  const readiness = new Readiness();
  const places = new InterfacePlaces(
    PARENT,
    () => ({ remain: () => true }),
  );
  let stopped = 0;
  let changes = 0;
  const service = {
    call: async (method: string, params: unknown) => {
      calls.push([method, params]);
      return await answer(method, params);
    },
  } as unknown as Service<DataCalls>;
  const handlers = interfaceHandlers({
    service,
    places,
    readiness,
    events: new EventHistory(),
    config: () => ({ options: {}, recv_queue_size: 256 }),
    clientsEnded: () => 4,
    deviceCounters: () => ({ "hca_symbol_error": 7 }),
    stop: () => stopped++,
    changed: () => {
      changes++;
      return Promise.resolve();
    },
    upgrade: () => ({
      ...{ pid: 7, version: "1", socket: "/run/ipoib/7.handover" },
      command: ["up", "ib0"],
    }),
  });
  const context: StreamContext<unknown> = {
    signal: new AbortController().signal,
    gone: () => false,
    afterReply: (action) => after.push(action),
    send: () => {},
    sent: () => Promise.resolve(),
  };
  return {
    ...{ handlers, calls, context, readiness },
    /** Runs the actions that follow the reply. */
    replied: () => after.forEach((action) => action()),
    stopped: () => stopped,
    changes: () => changes,
  };
}

Deno.test("interfaceHandlers() has a handler for each method of the interface socket, and no other", () => {
  const { handlers } = interfaceOver(() => ({}));
  const own = (Object.keys(methods) as Method[])
    .filter((method) => placeOf("interface", method) !== undefined);
  assertEquals(Object.keys(handlers).sort(), own.sort());
});

Deno.test("interfaceHandlers() calls the worker for one table at a time, and for other methods immediately", async () => {
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

Deno.test("stats adds the counters of the device, and to the parent's the number of disconnected clients", async () => {
  const child = { ...structuredClone(records.stats), ifname: "ib0.8001" };
  const { handlers, context } = interfaceOver(() =>
    structuredClone([records.stats, child])
  );
  const [first, second] = await handlers.stats({}, context);
  const counters = { ...records.stats.counters, "hca_symbol_error": 7 };
  assertEquals(first!.counters, { ...counters, "control_clients_ended": 4 });
  assertEquals(second!.counters, counters);
});

Deno.test("down stops the parent after the reply, and deletes a child before it", async () => {
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

Deno.test("wait replies when the interface is running", async () => {
  const { handlers, context, readiness } = interfaceOver(() => ({}));
  let answered = false;
  const waiting = Promise.resolve(handlers.wait({}, context))
    .then(() => answered = true);
  readiness.set(PARENT, "waiting for the subnet manager");
  await new Promise((resolve) => setTimeout(resolve));
  assert(!answered);
  readiness.setConfigured();
  readiness.set(PARENT, "running");
  await waiting;
});

Deno.test("a child in another namespace may have the name of the parent: requests of that namespace concern the child", async () => {
  const { handlers, calls, context, readiness, replied, stopped } =
    interfaceOver(() => ({}));
  const there = { ...context, namespace: CONTAINER };
  readiness.setConfigured();
  readiness.set(PARENT, "running");
  readiness.set({ ...PARENT, namespace: CONTAINER }, "waiting for the port");
  assertEquals(await handlers.wait({ name: "ib0" }, context), {});
  let answered = false;
  const waiting = Promise.resolve(handlers.wait({ name: "ib0" }, there))
    .then(() => answered = true);
  await new Promise((resolve) => setTimeout(resolve));
  assert(!answered);
  readiness.set({ ...PARENT, namespace: CONTAINER }, "running");
  await waiting;
  const error = assertThrows(
    () => handlers["config.show"]({ name: "ib0" }, there),
    IpoibError,
  );
  assertEquals(error.code, "E_NOT_PARENT");
  assertEquals(await handlers.down({ name: "ib0" }, there), {});
  replied();
  assertEquals([calls, stopped()], [[["link.del", { name: "ib0" }]], 0]);
});

Deno.test("interfaceHandlers() notes changes of the configuration, before the reply and not for queries", async () => {
  const { handlers, context, changes } = interfaceOver(() => ({}));
  await handlers["link.show"]({}, context);
  await handlers["features"]({}, context);
  assertEquals(changes(), 0);
  await handlers["neigh.del"]({ name: "ib0", dst: "10.0.0.1" }, context);
  assertEquals(changes(), 1);
  await handlers["link.set"]({ name: "ib0", umcast: true }, context);
  assertEquals(changes(), 2);
});

Deno.test("interfaceHandlers() notes no change if the method fails", async () => {
  const { handlers, context, changes } = interfaceOver(() =>
    Promise.reject(new Error("refused"))
  );
  const { name, dst } = { name: "ib0", dst: "10.0.0.1" };
  await assertRejects(
    async () => await handlers["neigh.del"]({ name, dst }, context),
    Error,
    "refused",
  );
  assertEquals(changes(), 0);
});
