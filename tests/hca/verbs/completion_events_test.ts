import { assertEquals } from "@std/assert";
import {
  CompletionEvents,
  type EventPort,
} from "../../../src/hca/verbs/completion_events.ts";
import { VerbsCounters } from "../../../src/hca/verbs/counters.ts";

const CHANNEL = 7n;

Deno.test("an event of received packets starts a turn of its queue pair alone", () => {
  const events: bigint[] = [];
  const calls: string[] = [];
  const counted = new VerbsCounters();
  const library = {
    ibv_get_cq_event: (channel: bigint, cq: Uint8Array) => {
      assertEquals(channel, CHANNEL);
      const next = events.shift();
      if (next === undefined) return -1;
      new BigUint64Array(cq.buffer)[0] = next;
      return 0;
    },
    ibv_ack_cq_events: (cq: bigint, count: number) =>
      calls.push(`ack ${count} of ${cq}`),
  } as unknown as EventPort["device"]["library"];
  const qp = (name: string, receives: bigint) => ({
    onCompletion: (cq: bigint) => {
      calls.push(`${name}: event of ${cq}`);
      return cq === receives;
    },
    receive: () => void calls.push(`${name}: receive`),
  });
  const [a, b] = [qp("a", 1n), qp("b", 3n)];
  const qps = new Map([[1n, a], [2n, a], [3n, b], [4n, b]]);
  const channel = new CompletionEvents(
    { device: { library }, channel: CHANNEL, counted },
    qps,
  );
  channel.take();
  assertEquals(calls, []);
  events.push(3n, 2n, 1n);
  channel.take();
  assertEquals(calls.splice(0), [
    ...["ack 1 of 3", "b: event of 3", "ack 1 of 2", "a: event of 2"],
    ...["ack 1 of 1", "a: event of 1", "b: receive", "a: receive"],
  ]);
  assertEquals(counted.get("cq_events"), 3);
  // The event of a queue pair that was closed in the meantime.
  qps.delete(3n);
  events.push(3n);
  channel.take();
  assertEquals(calls, ["ack 1 of 3"]);
});
