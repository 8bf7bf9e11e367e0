import { assert, assertEquals } from "@std/assert";
import { TransactionAliases } from "../../../src/hca/verbs/transaction_aliases.ts";
import { MAD_LENGTH, MadView } from "../../../src/wire/mad.ts";

function mad(id: number): MadView {
  const view = MadView.of(new Uint8Array(MAD_LENGTH));
  view.transactionIdLow = id;
  return view;
}

Deno.test("TransactionAliases gives two sends of a request different IDs, and restores either", () => {
  const aliases = new TransactionAliases(0xffffffff);
  const [first, second] = [mad(7), mad(7)];
  const ids = () => [first, second].map((each) => each.transactionIdLow);
  aliases.rename(first);
  aliases.rename(second);
  assertEquals(ids(), [0xffffffff, 0]);
  assert(aliases.restore(second));
  assert(aliases.restore(first));
  assertEquals(ids(), [7, 7]);
});

Deno.test("TransactionAliases restores an ID once only, and no other ID", () => {
  const aliases = new TransactionAliases(5);
  const request = mad(7);
  aliases.rename(request);
  assert(aliases.restore(request));
  assert(!aliases.restore(mad(5)));
  assert(!aliases.restore(mad(7)));
});

Deno.test("TransactionAliases removes the oldest entries above its limit", () => {
  const aliases = new TransactionAliases(0);
  for (let i = 0; i < 5000; i++) aliases.rename(mad(i));
  const responses = Array.from({ length: 5000 }, (_, i) => mad(i));
  const restored = responses.map((each) => aliases.restore(each));
  // The last 4096.
  assertEquals(restored.indexOf(true), 5000 - 4096);
  assert(restored.slice(5000 - 4096).every((each) => each));
  assertEquals(responses.at(-1)!.transactionIdLow, 4999);
});
