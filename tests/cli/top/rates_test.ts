/** Rates of two samples. */

import { assertEquals } from "@std/assert";
import { RateBook } from "../../../src/cli/top/rates.ts";
import type { Counts, SampleRow } from "../../../src/cli/top/sample.ts";
import { sparkline } from "../../../src/cli/top/sparkline.ts";

function row(
  name: string,
  atMs: number,
  rx: number,
  more: Partial<Counts> = {},
): SampleRow {
  const counts = { rx, tx: 0, rxPackets: 0, txPackets: 0, drops: 0, ...more };
  return { name, reading: { atMs, counts } };
}

Deno.test("rates are per second, and none before the second sample of a row", () => {
  const book = new RateBook();
  const first = book.add(
    { interfaces: [row("ib0", 0, 100)], others: [] },
    "interfaces",
  );
  assertEquals([first.rows[0]!.rates, first.total.rates], [
    undefined,
    undefined,
  ]);
  const { rows, total } = book.add({
    interfaces: [row("ib0", 500, 200, { drops: 3 }), row("ib1", 500, 900)],
    others: [],
  }, "interfaces");
  assertEquals([rows[0]!.rates?.rx, rows[0]!.rates?.drops], [200, 6]);
  assertEquals(rows[1]!.rates, undefined);
  assertEquals(total.rates?.rx, 200);
  assertEquals(rows[0]!.history, [200]);
});

Deno.test("a counter that was reset counts from 0", () => {
  const book = new RateBook();
  const add = (atMs: number, rx: number) =>
    book.add({ interfaces: [row("ib0", atMs, rx)], others: [] }, "interfaces");
  add(0, 1000);
  assertEquals(add(1000, 10).rows[0]!.rates?.rx, 10);
});

Deno.test("the rate of a row is that between its own answers, however late others are", () => {
  const book = new RateBook();
  const add = (...interfaces: SampleRow[]) =>
    book.add({ interfaces, others: [] }, "interfaces");
  add(row("ib0", 0, 0), row("ib1", 3000, 0));
  const { rows } = add(row("ib0", 4000, 400), row("ib1", 4000, 400));
  assertEquals(rows.map(({ rates }) => rates?.rx), [100, 400]);
});

Deno.test("an interface that did not answer has no rate, nor in the next sample, and keeps its history", () => {
  const book = new RateBook();
  const add = (each: SampleRow) =>
    book.add({ interfaces: [each], others: [] }, "interfaces");
  const silent = { name: "ib0", trouble: "not answering" };
  add(row("ib0", 0, 1_000_000));
  add(row("ib0", 1000, 1_000_100));
  const missed = add(silent);
  assertEquals([missed.rows[0]!.rates, missed.total.rates], [
    undefined,
    undefined,
  ]);
  const again = add(row("ib0", 3000, 1_000_300));
  assertEquals([again.rows[0]!.rates, again.total.rates], [
    undefined,
    undefined,
  ]);
  const { rows, total } = add(row("ib0", 4000, 1_000_500));
  assertEquals([rows[0]!.rates?.rx, total.rates?.rx], [200, 200]);
  assertEquals(rows[0]!.history, [100, 200]);
});

Deno.test("rows that have gone are forgotten, and histories are bounded", () => {
  const book = new RateBook();
  const add = (atMs: number, names: string[]) =>
    book.add(
      { interfaces: names.map((name) => row(name, atMs, atMs)), others: [] },
      "interfaces",
    );
  for (let i = 0; i < 100; i++) add(i, ["ib0"]);
  add(100, []);
  assertEquals(add(101, ["ib0"]).rows[0]!.history, []);
  for (let i = 200; i < 300; i++) add(i, ["ib0"]);
  const { rows, total } = add(300, ["ib0"]);
  assertEquals([rows[0]!.history.length, total.history.length], [60, 60]);
});

Deno.test("a sparkline scales to its highest value", () => {
  assertEquals(sparkline([0, 1, 4, 8], 9), "▁▂▅█");
  assertEquals(sparkline([9, 0, 0], 2), "▁▁");
  assertEquals(sparkline([], 5), "");
  assertEquals(sparkline([0, 1, 4, 8], 9, true), "_.=#");
});
