/** Concurrent SA requests with different time-outs, and the allocation of TransactionIDs. */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { RETRIES, Transactions } from "../../src/sa/transactions.ts";
import { gsiAddress, MadView, Method } from "../../src/wire/mad.ts";
import { SaAttribute, SaMad } from "../../src/wire/sa/sa_mad.ts";

const request = fc.record({
  at: fc.integer({ min: 0, max: 4000 }),
  timeout: fc.constantFrom(1000, 3000),
  /** Number of transmissions before the response or the cancellation; more than RETRIES + 1 for neither. */
  endsAfter: fc.integer({ min: 1, max: 20 }),
  cancelled: fc.boolean(),
});

Deno.test("each request is retransmitted, completed and timed out by its own schedule", () => {
  fc.assert(fc.property(
    fc.array(request, { maxLength: 40 }),
    (requests) => {
      let now = 0;
      const sends = new Map<number, number[]>();
      const ends = new Map<number, [at: number, errno: number]>();
      let due = Infinity;
      const transactions: Transactions = new Transactions({
        send: (mad) => {
          const id = MadView.of(mad).transactionIdLow;
          sends.set(id, [...sends.get(id) ?? [], now]);
        },
        address: () => gsiAddress(1),
        wakeAt: (when) => due = when,
      });
      const sorted = requests.toSorted((a, b) => a.at - b.at);
      const runs = sorted.map((each, i) => ({ ...each, id: i + 1 }));
      const cancels = new Map<number, () => void>();
      const turn = () => {
        transactions.tick(now);
        for (const { id, endsAfter, cancelled } of runs) {
          if (sends.get(id)?.length !== endsAfter || ends.has(id)) continue;
          if (cancelled) {
            cancels.get(id)!();
            ends.set(id, [now, -1]);
          } else transactions.onAnswer(answerTo(id), now);
        }
      };
      for (const { id, at, timeout } of runs) {
        while (due < at) {
          now = due;
          turn();
        }
        now = at;
        const asked = transactions.ask(
          {
            method: Method.Get,
            attribute: SaAttribute.PathRecord,
            componentMask: 0n,
            data: new Uint8Array(0),
            timeout,
            parse: () => true,
          },
          now,
          (answer, at) => ends.set(id, [at, answer.ok ? 0 : answer.errno]),
        );
        cancels.set(id, asked.cancel);
        turn();
      }
      while (due < Infinity) {
        now = due;
        turn();
      }
      for (const { id, at, timeout, endsAfter, cancelled } of runs) {
        const interval = timeout / RETRIES;
        const count = Math.min(endsAfter, RETRIES + 1);
        assertEquals(
          sends.get(id),
          Array.from({ length: count }, (_, i) => at + i * interval),
        );
        const silent = endsAfter > RETRIES + 1;
        assertEquals(ends.get(id), [
          at + (silent ? RETRIES + 1 : endsAfter - 1) * interval,
          silent ? 110 : cancelled ? -1 : 0,
        ]);
      }
    },
  ));
});

function answerTo(id: number): Uint8Array {
  return SaMad.emit(SaMad.of({
    method: Method.GetResp,
    transactionId: BigInt(id),
    attributeId: SaAttribute.PathRecord,
  }));
}

Deno.test("TransactionIDs wrap around and skip 0", () => {
  const ids: number[] = [];
  const transactions = new Transactions({
    send: (mad) => ids.push(MadView.of(mad).transactionIdLow),
    address: () => gsiAddress(1),
    wakeAt: () => {},
    firstId: 0xffffffff,
  });
  const ask = () =>
    transactions.ask(
      {
        method: Method.Get,
        attribute: SaAttribute.PathRecord,
        componentMask: 0n,
        data: new Uint8Array(0),
        timeout: 1000,
        parse: () => true,
      },
      0,
      () => {},
    );
  for (let i = 0; i < 3; i++) ask();
  assertEquals(ids, [0xffffffff, 1, 2]);
});
