/** The limit on the rate of events, and the bounds of their texts. */

import { assertEquals } from "@std/assert";
import { FakeClock } from "../../src/base/clock.ts";
import {
  EVENT_KINDS,
  type EventRecord,
  EVENTS,
  MAX_EVENT_TEXT,
} from "../../src/base/events.ts";
import { BURST, EventSink } from "../../src/base/event_sink.ts";

const IB0 = { name: "ib0", namespace: 4026531840n };

function open() {
  const clock = new FakeClock();
  const events: EventRecord[] = [];
  const wakes: number[] = [];
  const sink = new EventSink({
    emit: (event) => events.push(event),
    now: () => clock.now(),
    time: () => 1_700_000_000_000,
    wakeAfter: (delay) => wakes.push(delay),
  });
  return { clock, events, wakes, sink };
}

Deno.test("an event has its time, interface with its namespace, kind, name and texts", () => {
  const { events, sink } = open();
  sink.add(IB0, "link", "state", () => ({
    subject: "ib0",
    old: undefined,
    new: "running\u001b[31m",
    cause: "x".repeat(MAX_EVENT_TEXT + 1),
  }));
  assertEquals(events, [{
    "time_ms": 1_700_000_000_000,
    ifname: "ib0",
    namespace: 4026531840,
    kind: "link",
    event: "state",
    subject: "ib0",
    new: "running?[31m",
    cause: "x".repeat(MAX_EVENT_TEXT),
  }]);
});

Deno.test("further events of a kind than the burst are counted, not made, and reported; other kinds are not affected", () => {
  const { clock, events, wakes, sink } = open();
  let made = 0;
  const add = (kind: "neigh" | "link") => {
    const details = () => ({ subject: `${made++}` });
    if (kind === "neigh") sink.add(IB0, kind, "resolved", details);
    else sink.add(IB0, kind, "state", details);
  };
  for (let i = 0; i < BURST + 70; i++) add("neigh");
  add("link");
  assertEquals([made, events.length, wakes], [BURST + 1, BURST + 1, [1000]]);
  events.length = 0;
  clock.advance(1000);
  sink.report();
  sink.report();
  assertEquals(
    events.map(({ kind, event, new: count }) => [kind, event, count]),
    [
      ["neigh", "suppressed", "70"],
    ],
  );
  // Fifty events per second after the burst.
  for (let i = 0; i < 60; i++) add("neigh");
  assertEquals([events.length, wakes.length], [51, 2]);
});

Deno.test("EVENT_KINDS lists the kinds of EVENTS", () => {
  assertEquals([...EVENT_KINDS], Object.keys(EVENTS));
});
