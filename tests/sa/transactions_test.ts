/** Requests that wait for their answers together: each is repeated and given up at its own times. */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { RETRIES, Transactions } from "../../src/sa/transactions.ts";
import { MAD_LENGTH, MadView, Method } from "../../src/wire/mad.ts";
import { SaAttribute } from "../../src/wire/sa/sa_mad.ts";

function viewOf(mad: Uint8Array): MadView {
  return new MadView(new DataView(mad.buffer, mad.byteOffset, MAD_LENGTH));
}

const request = fc.record({
  at: fc.integer({ min: 0, max: 4000 }),
  timeout: fc.constantFrom(1000, 3000),
  /** After how many sends it is answered, or cancelled; more than there are for never. */
  endsAfter: fc.integer({ min: 1, max: 20 }),
  cancelled: fc.boolean(),
});

Deno.test("requests of different time-outs are sent, answered and given up at their own times", () => {
  fc.assert(fc.property(
    fc.array(request, { maxLength: 40 }),
    (requests) => {
      let now = 0;
      const sends = new Map<number, number[]>();
      const ends = new Map<number, [at: number, errno: number]>();
      const transactions: Transactions = new Transactions(
        (mad) => {
          const id = viewOf(mad).transactionIdLow;
          sends.set(id, [...sends.get(id) ?? [], now]);
        },
        () => ({ lid: 1, qpn: 1, qkey: 0, pkeyIndex: 0, sl: 0 }),
      );
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
        while (transactions.deadline < at) {
          now = transactions.deadline;
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
      while (transactions.deadline < Infinity) {
        now = transactions.deadline;
        turn();
      }
      assertEquals(transactions.size, 0);
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
  const mad = new Uint8Array(MAD_LENGTH);
  const view = new DataView(mad.buffer);
  view.setUint8(3, 0x81);
  view.setUint32(12, id);
  view.setUint16(16, SaAttribute.PathRecord);
  return mad;
}
