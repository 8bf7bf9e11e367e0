/** The stored events of a process. */

import { assert, assertEquals } from "@std/assert";
import { type EventRecord, LEFT_NAMESPACE } from "../../src/base/events.ts";
import { EventHistory } from "../../src/daemon/event_history.ts";
import { ItemStream } from "../../src/ipc/item_stream.ts";
import { LIMITS } from "../../src/ipc/limits.ts";
import type { CallContext, StreamContext } from "../../src/ipc/server.ts";

function event(time: number, kind = "link", ifname = "ib0"): EventRecord {
  return { "time_ms": time, ifname, kind, event: "state", subject: `${time}` };
}

function times(events: readonly EventRecord[]): number[] {
  return events.map(({ "time_ms": time }) => time);
}

Deno.test("the history keeps the last events, in their order", () => {
  const history = new EventHistory(4);
  for (let i = 0; i < 10; i++) history.add(event(i));
  assertEquals(times(history.list({})), [6, 7, 8, 9]);
});

Deno.test("many events of one kind remove none of the others", () => {
  const history = new EventHistory(6);
  history.add(event(0, "link"));
  history.add(event(1, "fabric"));
  for (let i = 2; i < 50; i++) history.add(event(i, "neigh"));
  history.add(event(50, "link"));
  assertEquals(times(history.list({})), [0, 1, 47, 48, 49, 50]);
});

Deno.test("events are selected by interface, kind and time; those of the port belong to each interface", () => {
  const history = new EventHistory();
  history.add(event(1, "fabric", "ib0"));
  history.add(event(2, "link", "ib0"));
  history.add(event(3, "link", "ib0.8001"));
  history.add(event(4, "group", "ib0.8001"));
  assertEquals(times(history.list({ name: "ib0.8001" })), [1, 3, 4]);
  assertEquals(times(history.list({ name: "ib0" })), [1, 2]);
  assertEquals(times(history.list({ kinds: ["link", "group"] })), [2, 3, 4]);
  assertEquals(times(history.list({ since: 3 })), [3, 4]);
});

Deno.test("interfaces of one name have their own events in each namespace, and those of a namespace end when it is left", async () => {
  const names = {
    find: (name = "ib0", namespace = 1n) => ({ name, namespace }),
  };
  const history = new EventHistory();
  const handlers = history.handlers(names);
  const shown = async (name?: string, namespace?: bigint) =>
    times(
      await handlers["events.show"](
        name === undefined ? {} : { name },
        { namespace } as CallContext,
      ),
    );
  history.add({ ...event(1), namespace: 1 });
  history.add({ ...event(2), namespace: 2 });
  history.add({ ...event(3, "fabric"), namespace: 1 });
  history.add({ ...event(4), namespace: 3 });
  assertEquals(await shown("ib0"), [1, 3]);
  assertEquals(await shown("ib0", 2n), [2, 3]);
  assertEquals(await shown(), [1, 2, 3, 4]);
  // The kernel uses the inode of a deleted namespace again.
  history.left(2n);
  history.add({ ...event(5), namespace: 2 });
  assertEquals(await shown("ib0", 2n), [3, 5]);
  assertEquals(
    history.list({}).map(({ namespace }) => namespace),
    [1, LEFT_NAMESPACE, 1, 3, 2],
  );
});

Deno.test("events.watch sends the events since a time, then new ones, until its signal is aborted", async () => {
  const history = new EventHistory();
  for (let i = 0; i < 3; i++) history.add(event(i));
  const sent: EventRecord[] = [];
  const client = new AbortController();
  const context: StreamContext<EventRecord> = {
    signal: client.signal,
    gone: () => false,
    afterReply: () => {},
    send: (each) => sent.push(each),
    sent: () => Promise.resolve(),
  };
  const handlers = history.handlers();
  const watching = handlers["events.watch"]({ since: 1 }, context);
  const live = handlers["events.watch"]({ kinds: ["link"] }, context);
  assertEquals(times(sent.splice(0)), [1, 2]);
  history.add(event(3, "neigh"));
  history.add(event(4));
  assertEquals(times(sent), [3, 4, 4]);
  client.abort();
  assertEquals([await watching, await live], [{}, {}]);
  history.add(event(5));
  assertEquals(sent.length, 3);
});

/** A client of `events.watch` with `since: 0`, which reads a line whenever {@linkcode Watching.read} is called. */
class Watching {
  /** Times of the received events. */
  readonly received: number[] = [];
  lost = 0;
  readonly #client = new AbortController();
  readonly #stream: ItemStream;
  readonly #done: unknown;
  readonly #written: (() => void)[] = [];

  constructor(history: EventHistory) {
    this.#stream = new ItemStream(1, LIMITS.stream, (line) => {
      const { items, lost = 0 } = JSON.parse(new TextDecoder().decode(line));
      this.received.push(...times(items));
      this.lost += lost;
      return new Promise((resolve) => this.#written.push(resolve));
    });
    this.#done = history.handlers()["events.watch"]({ since: 0 }, {
      signal: this.#client.signal,
      gone: () => false,
      afterReply: () => {},
      send: (item) => this.#stream.send(item),
      sent: () => this.#stream.sent(),
    });
  }

  /** Reads a line. Returns false if there is none. */
  async read(): Promise<boolean> {
    const written = this.#written.shift();
    written?.();
    // The server continues in tasks of its own.
    await new Promise((resolve) => setTimeout(resolve));
    return written !== undefined;
  }

  async readAll(): Promise<void> {
    while (await this.read());
  }

  /** Ends the sending side of the client, and reads until the reply. */
  async end(): Promise<void> {
    this.#client.abort();
    await this.readAll();
    assertEquals(await this.#done, {});
  }
}

/** Checks that `received` has the times 0 to `count` - 1, in order. */
function assertAll(received: readonly number[], count: number): void {
  assertEquals(received.findIndex((time, i) => time !== i), -1);
  assertEquals(received.length, count);
}

Deno.test("events.watch sends a full history to a client that reads, and in order the events that arrive meanwhile", async () => {
  const history = new EventHistory();
  const stored = 4096;
  let next = 0;
  const add = () => history.add(event(next++, "neigh"));
  for (let i = 0; i < stored; i++) add();
  const client = new Watching(history);
  // One event while each line is on its way, and more after the last.
  while (next < stored + 40) {
    add();
    await client.read();
  }
  await client.readAll();
  for (let i = 0; i < 10; i++) add();
  await client.end();
  assertEquals(client.lost, 0);
  assertAll(client.received, stored + 50);
});

Deno.test("events.watch sends the history to a client that has ended its sending side", async () => {
  const history = new EventHistory();
  for (let i = 0; i < 3000; i++) history.add(event(i));
  const client = new Watching(history);
  await client.end();
  assertAll(client.received, 3000);
});

Deno.test("events.watch tells a client that does not read how many events it has lost", async () => {
  const history = new EventHistory(100);
  for (let i = 0; i < 100; i++) history.add(event(i));
  const client = new Watching(history);
  const count = 20_000;
  for (let i = 100; i < count; i++) history.add(event(i));
  await client.end();
  assert(client.lost > 0);
  assertEquals(client.received.length + client.lost, count);
  assert(
    client.received.every((time, i, all) => i === 0 || time > all[i - 1]!),
  );
  assertEquals(client.received.at(-1), count - 1);
});
