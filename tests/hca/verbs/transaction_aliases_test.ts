import { assert, assertEquals } from "@std/assert";
import { TransactionAliases } from "../../../src/hca/verbs/transaction_aliases.ts";
import { SA_CLASS } from "../../../src/hca/verbs/umad_classes.ts";
import { MAX_PENDING_PATHS } from "../../../src/ipoib/constants.ts";
import { RETRIES } from "../../../src/sa/transactions.ts";
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
  aliases.rename(first, 0);
  aliases.rename(second, 0);
  assertEquals(ids(), [0xffffffff, 0]);
  assert(aliases.restore(second));
  assert(aliases.restore(first));
  assertEquals(ids(), [7, 7]);
});

Deno.test("TransactionAliases restores an ID once only, and no other ID", () => {
  const aliases = new TransactionAliases(5);
  const request = mad(7);
  aliases.rename(request, 0);
  assert(aliases.restore(request));
  assert(!aliases.restore(mad(5)));
  assert(!aliases.restore(mad(7)));
});

Deno.test("TransactionAliases restores the ID of each transmission of as many requests as can be pending", () => {
  const interval = 100;
  const aliases = new TransactionAliases(0);
  const sent: MadView[] = [];
  for (let i = 0; i <= RETRIES; i++) {
    for (let id = 0; id < MAX_PENDING_PATHS; id++) {
      const request = mad(id);
      aliases.rename(request, i * interval);
      sent.push(request);
    }
  }
  for (const [i, each] of sent.entries()) {
    assert(aliases.restore(each));
    assertEquals(each.transactionIdLow, i % MAX_PENDING_PATHS);
  }
});

Deno.test("TransactionAliases forgets an ID that the kernel has not returned in twice its time-out", () => {
  const aliases = new TransactionAliases(0);
  const { timeoutMs } = SA_CLASS;
  const [first, second, third] = [mad(7), mad(8), mad(9)];
  aliases.rename(first, 0);
  aliases.rename(second, 1);
  aliases.rename(third, 2 * timeoutMs + 1);
  const restored = [first, second, third].map((each) => aliases.restore(each));
  assertEquals(restored, [false, true, true]);
});
