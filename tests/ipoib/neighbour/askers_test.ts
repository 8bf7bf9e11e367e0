import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { ASKER_LIFETIME_MS, MAX_ASKERS } from "../../../src/ipoib/constants.ts";
import { Askers } from "../../../src/ipoib/neighbour/askers.ts";
import { Statistics } from "../../../src/ipoib/statistics.ts";
import type { LinkAddress } from "../../../src/wire/link_address.ts";

function peer(qpn: number): LinkAddress {
  return { flags: 0, qpn, gid: new Uint8Array(16) };
}

const step = fc.record({
  take: fc.boolean(),
  sender: fc.constantFrom(0, 1),
  target: fc.constantFrom(7, 8),
  pause: fc.constantFrom(0, 1, 900, 1100),
});

Deno.test("take() returns the oldest live request for a pair of addresses", () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const askers = new Askers(new Statistics());
    const model: { key: string; qpn: number; at: number }[] = [];
    let now = 0;
    steps.forEach(({ take, sender, target, pause }, qpn) => {
      now += pause;
      const key = `${sender} ${target}`;
      if (!take) {
        askers.add(sender, target, peer(qpn), false, now);
        model.push({ key, qpn, at: now });
        return;
      }
      let expected: number | undefined;
      while (expected === undefined) {
        const at = model.findIndex((each) => each.key === key);
        const [first] = at < 0 ? [] : model.splice(at, 1);
        if (!first) break;
        if (now - first.at <= ASKER_LIFETIME_MS) expected = first.qpn;
      }
      assertEquals(askers.take(sender, target, now)?.from.qpn, expected);
    });
  }));
});

Deno.test("over the limit the oldest requests are dropped", () => {
  const askers = new Askers(new Statistics());
  const total = MAX_ASKERS + 10;
  for (let i = 0; i < total; i++) askers.add(i, 7, peer(i), false, 0);
  const left = Array.from(
    { length: total },
    (_, i) => askers.take(i, 7, 0)?.from.qpn,
  );
  assertEquals(left.slice(0, 10), new Array(10).fill(undefined));
  assertEquals(
    left.slice(10),
    Array.from({ length: MAX_ASKERS }, (_, i) => i + 10),
  );
});

Deno.test("over the limit the oldest requests of one sender are dropped", () => {
  const askers = new Askers(new Statistics());
  for (let i = 0; i < MAX_ASKERS + 10; i++) askers.add(0, 7, peer(i), false, 0);
  assertEquals(askers.take(0, 7, 0)!.from.qpn, 10);
});

Deno.test("clear() drops all requests", () => {
  const askers = new Askers(new Statistics());
  askers.add(0, 7, peer(1), false, 0);
  askers.clear();
  assertEquals(askers.take(0, 7, 0), undefined);
});
