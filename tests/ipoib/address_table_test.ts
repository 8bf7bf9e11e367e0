import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { AddressTable } from "../../src/ipoib/address_table.ts";
import { IpAddress } from "../../src/wire/ip_address.ts";

/** Few distinct addresses, so that entries collide, are replaced and deleted. */
const address = fc.tuple(
  fc.constantFrom(0, 1, -1),
  fc.constantFrom(0, 0x10000),
  fc.constantFrom(0xffff, 7),
  fc.integer({ min: -20, max: 20 }),
).map(([w0, w1, w2, w3]) => new IpAddress(w0, w1, w2, w3));

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ set: address }) },
  { weight: 2, arbitrary: fc.record({ remove: address }) },
);

Deno.test("AddressTable behaves like a Map for any sequence of set() and delete()", () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
    const table = new AddressTable<number>();
    const model = new Map<string, number>();
    const key = (a: IpAddress) => `${a.w0} ${a.w1} ${a.w2} ${a.w3}`;
    steps.forEach((each, i) => {
      if ("set" in each) {
        table.set(each.set, i);
        model.set(key(each.set), i);
        assertEquals(table.get(each.set), i);
      } else {
        assertEquals(table.delete(each.remove), model.delete(key(each.remove)));
        assertEquals(table.get(each.remove), undefined);
      }
      assertEquals(table.size, model.size);
    });
    assertEquals(
      table.values().sort((a, b) => a - b),
      [...model.values()].sort((a, b) => a - b),
    );
    table.clear();
    assertEquals([table.size, table.values()], [0, []]);
  }));
});
