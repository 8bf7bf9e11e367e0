/** The stored events of a process. */

import { assertEquals } from "@std/assert";
import type { EventRecord } from "../../src/base/events.ts";
import { EventHistory } from "../../src/daemon/event_history.ts";
import type { StreamContext } from "../../src/ipc/server.ts";

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
