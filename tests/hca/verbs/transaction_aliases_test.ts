import { assert, assertEquals } from "@std/assert";
import { TransactionAliases } from "../../../src/hca/verbs/transaction_aliases.ts";
import { MAD_LENGTH, MadView } from "../../../src/wire/mad.ts";

function mad(id: number): MadView {
  const view = MadView.of(new Uint8Array(MAD_LENGTH));
  view.transactionIdLow = id;
  return view;
}

Deno.test("TransactionAliases tells two sends of one request apart, and knows the answer to either", () => {
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

Deno.test("TransactionAliases knows no answer twice", () => {
  const aliases = new TransactionAliases(5);
  const request = mad(7);
  aliases.rename(request);
  assert(aliases.restore(request));
  assert(!aliases.restore(mad(5)));
  assert(!aliases.restore(mad(7)));
});

Deno.test("TransactionAliases forgets the oldest of too many", () => {
  const aliases = new TransactionAliases(0);
  for (let i = 0; i < 5000; i++) aliases.rename(mad(i));
  const answers = Array.from({ length: 5000 }, (_, i) => mad(i));
  const known = answers.map((answer) => aliases.restore(answer));
  // The last 4096.
  assertEquals(known.indexOf(true), 5000 - 4096);
  assert(known.slice(5000 - 4096).every((each) => each));
  assertEquals(answers.at(-1)!.transactionIdLow, 4999);
});
