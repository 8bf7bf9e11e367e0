/** Streams of a control socket: items before the reply, slow readers, and many subscribers. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import type { EventRecord } from "../../src/base/events.ts";
import { IpoibError } from "../../src/base/errors.ts";
import { IpcClient } from "../../src/ipc/client.ts";
import { type IpcLimits, LIMITS } from "../../src/ipc/limits.ts";
import { IpcServer, type StreamContext } from "../../src/ipc/server.ts";
import { patient } from "../../scripts/machine.ts";
import { assertAnswers, probe } from "./probe.ts";

function event(subject: string): EventRecord {
  return { "time_ms": 1, ifname: "ib0", kind: "link", event: "state", subject };
}

/** A server whose `events.watch` sends what `publish` is given to each subscriber, until its signal is aborted. */
class Publisher implements AsyncDisposable {
  readonly subscribers = new Set<StreamContext<EventRecord>>();
  readonly server: IpcServer;
  readonly #directory: string;

  private constructor(
    directory: string,
    server: IpcServer,
    subscribers: Set<StreamContext<EventRecord>>,
  ) {
    this.#directory = directory;
    this.server = server;
    this.subscribers = subscribers;
  }

  static async open(limits: Partial<IpcLimits> = {}): Promise<Publisher> {
    const directory = await Deno.makeTempDir();
    const subscribers = new Set<StreamContext<EventRecord>>();
    const server = await IpcServer.listen(`${directory}/ib0.sock`, "ib0", {
      ...probe,
      "events.watch": async (_params, context) => {
        subscribers.add(context);
        const { promise, resolve } = Promise.withResolvers<void>();
        context.signal.addEventListener("abort", () => resolve());
        await promise;
        subscribers.delete(context);
        return {};
      },
    }, { ...LIMITS, ...limits });
    return new Publisher(directory, server, subscribers);
  }

  publish(subject: string): void {
    for (const { send } of this.subscribers) send(event(subject));
  }

  async has(subscribers: number): Promise<void> {
    await until(() => this.subscribers.size === subscribers);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close();
    await Deno.remove(this.#directory, { recursive: true });
  }
}

async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + patient(5000);
  while (!condition()) {
    assert(performance.now() < end, "the condition did not come true");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Follows the events; collects their subjects, and the number of lost ones. */
function follow(client: IpcClient) {
  const seen = { subjects: [] as string[], lost: 0 };
  const stream = client.stream("events.watch", {}, (events, lost) => {
    seen.subjects.push(...events.map(({ subject }) => subject));
    seen.lost += lost;
  });
  return { seen, stream };
}

Deno.test("a stream delivers its items in order, besides replies to other calls, and the reply when the server closes", async () => {
  await using publisher = await Publisher.open();
  using client = await IpcClient.connect(publisher.server.path, "ib0");
  const { seen, stream } = follow(client);
  await publisher.has(1);
  for (let i = 0; i < 100; i++) publisher.publish(`${i}`);
  await assertAnswers(client);
  publisher.publish("last");
  await publisher.server.close();
  assertEquals(await stream, {});
  assertEquals(seen, {
    subjects: [...Array.from({ length: 100 }, (_, i) => `${i}`), "last"],
    lost: 0,
  });
});

Deno.test("a client that does not read loses the oldest items, learns their number, and stays connected", async () => {
  await using publisher = await Publisher.open({ stream: 10_000 });
  const { path } = publisher.server;
  const conn = await Deno.connect({ transport: "unix", path });
  const request = '{"id":"w","method":"events.watch","params":{}}\n';
  await conn.write(new TextEncoder().encode(request));
  await publisher.has(1);
  const count = 20_000;
  const text = "x".repeat(100);
  for (let i = 0; i < count; i++) {
    publisher.publish(`${i} ${text}`);
    if (i % 1000 === 0) await new Promise((resolve) => setTimeout(resolve));
  }
  // The bytes of the line in transit and of the waiting items.
  assert(publisher.server.unsent < 40_000, `${publisher.server.unsent} bytes`);
  let received = 0;
  let lost = 0;
  let last = "";
  let rest = "";
  const chunk = new Uint8Array(65536);
  while (!last.startsWith(`${count - 1} `)) {
    const length = await conn.read(chunk);
    assert(length !== null, "the server has closed the connection");
    const lines = (rest + new TextDecoder().decode(chunk.subarray(0, length)))
      .split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const { id, items, lost: dropped = 0 } = JSON.parse(line);
      assertEquals(id, "w");
      received += items.length;
      lost += dropped;
      last = items.at(-1).subject;
    }
  }
  assertEquals(received + lost, count);
  assert(lost > 0);
  assertEquals(publisher.server.clientsEnded, 0);
  conn.close();
  await publisher.has(0);
});

Deno.test("a handler that waits until its items are sent loses none of them", async () => {
  const directory = await Deno.makeTempDir();
  const count = 500;
  const server = await IpcServer.listen(`${directory}/ib0.sock`, "ib0", {
    "events.watch": async (_params, { send, sent }) => {
      for (let i = 0; i < count; i++) {
        send(event(`${i}`));
        await sent();
      }
      return {};
    },
  }, { ...LIMITS, stream: 100 });
  using client = await IpcClient.connect(server.path, "ib0");
  const { seen, stream } = follow(client);
  assertEquals(await stream, {});
  assertEquals(seen.lost, 0);
  assertEquals(seen.subjects, Array.from({ length: count }, (_, i) => `${i}`));
  await server.close();
  await Deno.remove(directory, { recursive: true });
});

Deno.test("the end of a client ends its subscription, also if it only ends its sending side", async () => {
  await using publisher = await Publisher.open();
  const { path } = publisher.server;
  const client = await IpcClient.connect(path, "ib0");
  const { stream } = follow(client);
  await publisher.has(1);
  client.close();
  const error = await assertRejects(() => stream, IpoibError);
  assertEquals(error.code, "E_IPC_CLOSED");
  await publisher.has(0);

  const conn = await Deno.connect({ transport: "unix", path });
  const request = '{"id":1,"method":"events.watch"}\n';
  await conn.write(new TextEncoder().encode(request));
  await publisher.has(1);
  await conn.closeWrite();
  await publisher.has(0);
  conn.close();
});

Deno.test("sixty subscribers receive each item, and a connection over the limit ends one of them", async () => {
  await using publisher = await Publisher.open({ connections: 60 });
  const { path } = publisher.server;
  const all: ({ client: IpcClient } & ReturnType<typeof follow>)[] = [];
  for (let i = 0; i < 60; i++) {
    const client = await IpcClient.connect(path, "ib0");
    all.push({ client, ...follow(client) });
  }
  for (const { stream } of all) stream.catch(() => {});
  await publisher.has(60);
  publisher.publish("one");
  await until(() => all.every(({ seen }) => seen.subjects.length === 1));
  using client = await IpcClient.connect(path, "ib0");
  await assertAnswers(client);
  await publisher.has(59);
  assertEquals(publisher.server.ended.evicted, 1);
  for (const each of all) each.client.close();
  await publisher.has(0);
});

Deno.test("many subscribers that do not read stay within the limit on bytes of all clients", async () => {
  const limits = { stream: 100_000, totalUnsent: 1_000_000 };
  await using publisher = await Publisher.open(limits);
  const conns: Deno.UnixConn[] = [];
  const request = '{"id":1,"method":"events.watch"}\n'.repeat(8);
  for (let i = 0; i < 20; i++) {
    const conn = await Deno.connect({
      transport: "unix",
      path: publisher.server.path,
    });
    conns.push(conn);
    await conn.write(new TextEncoder().encode(request));
  }
  await publisher.has(160);
  const text = "x".repeat(1000);
  for (let i = 0; i < 2000; i++) {
    publisher.publish(text);
    assert(publisher.server.unsent <= limits.totalUnsent + 10_000);
    if (i % 100 === 0) await new Promise((resolve) => setTimeout(resolve));
  }
  assert(publisher.server.ended.unread > 0);
  using client = await IpcClient.connect(publisher.server.path, "ib0");
  await assertAnswers(client);
  for (const conn of conns) conn.close();
});

Deno.test("an invalid item ends the stream with E_IPC_RESULT", async () => {
  await using publisher = await Publisher.open();
  using client = await IpcClient.connect(publisher.server.path, "ib0");
  const { stream } = follow(client);
  await publisher.has(1);
  for (const { send } of publisher.subscribers) {
    send({ subject: 1 } as unknown as EventRecord);
  }
  const error = await assertRejects(() => stream, IpoibError);
  assertEquals(error.code, "E_IPC_RESULT");
});
