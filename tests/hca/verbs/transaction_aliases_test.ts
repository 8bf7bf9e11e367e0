import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { TransactionAliases } from "../../../src/hca/verbs/transaction_aliases.ts";

function mad(id: number): DataView {
  const view = new DataView(new ArrayBuffer(320));
  view.setUint32(64 + 12, id);
  return view;
}

const idOf = (view: DataView) => view.getUint32(64 + 12);

Deno.test("TransactionAliases tells two sends of one request apart, and knows the answer to either", () => {
  const aliases = new TransactionAliases(0xffffffff);
  const first = mad(7);
  const second = mad(7);
  aliases.rename(first, 64);
  aliases.rename(second, 64);
  assertEquals([idOf(first), idOf(second)], [0xffffffff, 0]);
  assertNotEquals(idOf(first), idOf(second));
  assert(aliases.restore(second, 64));
  assert(aliases.restore(first, 64));
  assertEquals([idOf(first), idOf(second)], [7, 7]);
  assertEquals(aliases.size, 0);
});

Deno.test("TransactionAliases knows no answer twice", () => {
  const aliases = new TransactionAliases(5);
  const request = mad(7);
  aliases.rename(request, 64);
  assert(aliases.restore(request, 64));
  assert(!aliases.restore(mad(5), 64));
  assert(!aliases.restore(mad(7), 64));
});

Deno.test("TransactionAliases forgets the oldest of too many", () => {
  const aliases = new TransactionAliases(0);
  for (let i = 0; i < 5000; i++) aliases.rename(mad(i), 64);
  assertEquals(aliases.size, 4096);
  assert(!aliases.restore(mad(0), 64));
  const last = mad(4999);
  assert(aliases.restore(last, 64));
  assertEquals(idOf(last), 4999);
});
