/** The screen of `top`, and its keys. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { styleOf } from "../../../src/cli/render/style.ts";
import type { Rated, RatedRow } from "../../../src/cli/top/rates.ts";
import { plainTable, screen } from "../../../src/cli/top/screen.ts";
import { keysOf, press, sorted, type View } from "../../../src/cli/top/view.ts";

const VIEW: View = {
  table: "interfaces",
  sort: "rx",
  seconds: 1,
  ascii: false,
  ...{ reverse: false, paused: false, help: false, scroll: 0 },
};
const { palette } = styleOf({}, false);

function row(name: string, rx: number, tx = 0): RatedRow {
  const rates = { rx, tx, rxPackets: 1.5, txPackets: 0, drops: 0 };
  return { name, rates, history: [1, 2, 3] };
}

function rated(rows: RatedRow[]): Rated {
  return { interfaces: rows, rows, total: row("total", 5) };
}

function lines(all: Rated | undefined, view = VIEW, rows = 24, columns = 80) {
  return screen(all, view, { columns, rows }, palette, { clock: "12:00:00" });
}

Deno.test("the screen has totals, a heading and rows", () => {
  assertEquals(lines(rated([row("ib0", 1_234_567, 999), row("ib1", 0)])), [
    "ipoib top  12:00:00  2 interfaces, every 1 s  (h: help, q: quit)",
    "total  rx 5.0B/s  tx 0B/s  drops 0/s  ▃▆█",
    "",
    "INTERFACE    *RX/s    TX/s RXPKT/s TXPKT/s  DROP/s  HISTORY".padEnd(80),
    "ib0          1.23M     999     1.5       0       0  ▃▆█",
    "ib1              0       0     1.5       0       0  ▃▆█",
  ]);
});

Deno.test("the screen is plain ASCII if the locale is not UTF-8", () => {
  const all = rated([row("ib0", 1_234_567, 999)]);
  const text = lines(all, { ...VIEW, ascii: true }).join("");
  assert(/^[ -~]*$/.test(text), text);
  assert(text.includes("drops 0/s  :+#"), text);
});

Deno.test("lines fit any terminal, with any names", () => {
  const names = [
    "ib0",
    "a-namespace-with-a-long-name/ib0.8001",
    "x".repeat(99),
  ];
  const rows = names.map((name) => ({
    ...row(name, 1e15, 1e12),
    trouble: "waiting for P_Key 0x8003 in the port's table, and more",
    history: new Array(60).fill(1),
  }));
  for (const columns of [1, 20, 40, 79, 80, 200]) {
    for (const height of [1, 4, 6, 24]) {
      for (const view of [VIEW, { ...VIEW, help: true }]) {
        const all = screen(
          rated(rows),
          view,
          { columns, rows: height },
          palette,
          {
            clock: "12:00:00",
            message: "m".repeat(300),
          },
        );
        assert(all.length <= height);
        for (const line of all) assert(line.length <= columns, line);
      }
    }
  }
});

Deno.test("more rows than lines are scrolled, not further than the last one", () => {
  const rows = Array.from({ length: 50 }, (_, i) => row(`ib${i}`, 100 - i));
  const shown = (scroll: number) =>
    lines(rated(rows), { ...VIEW, scroll }).slice(4).map((line) =>
      line.split(" ")[0]
    );
  assertEquals([shown(0)[0], shown(0).length], ["ib0", 20]);
  assertEquals(shown(7)[0], "ib7");
  assertEquals(shown(999).at(-1), "ib49");
});

Deno.test("an interface that does not run shows why", () => {
  const text = lines(rated([{ ...row("ib0", 0), trouble: "not answering" }]));
  assertStringIncludes(text.at(-1)!, "not answering");
});

Deno.test("without color, lines have no escape sequences", () => {
  const all = rated([row("ib0", 1)]);
  assert(!lines(all).join("").includes("\x1b"));
});

Deno.test("the plain table has names in full and no history", () => {
  const peers = { ...row("ff12:401b:ffff:0:0:0:ffff:ffff", 3), of: "ib0" };
  assertEquals(
    plainTable(rated([peers]), { ...VIEW, table: "groups" }),
    "GROUP                            RX/s    TX/s RXPKT/s TXPKT/s\n" +
      "ff12:401b:ffff::ffff:ffff ib0     3.0       0     1.5       0\n",
  );
});

Deno.test("rows are sorted by the chosen column, and the same key reverses", () => {
  const rows = [row("b", 1, 9), row("a", 2, 5), row("c", 2, 7)];
  const names = (view: View) => sorted(rows, view).map(({ name }) => name);
  assertEquals(names(VIEW), ["a", "c", "b"]);
  const [byTx] = press(VIEW, "t", 0);
  assertEquals(names(byTx), ["b", "c", "a"]);
  assertEquals(names(press(byTx, "t", 0)[0]), ["a", "c", "b"]);
  assertEquals(names(press(VIEW, "n", 0)[0]), ["a", "b", "c"]);
  assertEquals(press(VIEW, ">", 0)[0].sort, "tx");
  assertEquals(press(VIEW, "<", 0)[0].sort, "name");
});

Deno.test("keys select tables, intervals and the end", () => {
  assertEquals(press(VIEW, "p", 0), [{ ...VIEW, table: "peers" }, "sample"]);
  assertEquals(press(VIEW, "\t", 0)[0].table, "peers");
  assertEquals(press(VIEW, "+", 0)[0].seconds, 2);
  assertEquals(press({ ...VIEW, seconds: 0.5 }, "-", 0)[0].seconds, 0.5);
  assertEquals(press(VIEW, " ", 0)[0].paused, true);
  for (const key of ["q", "\x03", "\x04"]) {
    assertEquals(press(VIEW, key, 0)[1], "quit");
  }
  assertEquals(press(VIEW, "\x1a", 0)[1], "suspend");
  assertEquals(press(VIEW, "é", 0), [VIEW]);
  assertEquals(press(press(VIEW, "\x1b[B", 9)[0], "\x1b[A", 9)[0], VIEW);
});

Deno.test("scrolling ends at the first and the last row", () => {
  const at = (scroll: number, key: string) =>
    press({ ...VIEW, scroll }, key, 30)[0].scroll;
  assertEquals([at(0, "k"), at(29, "j"), at(30, "j")], [0, 30, 30]);
  assertEquals([at(25, "\x1b[6~"), at(5, "\x1b[5~")], [30, 0]);
  // The screen has become higher, or the table shorter.
  assertEquals(at(99, "k"), 29);
  for (const home of ["\x1b[H", "\x1bOH", "\x1b[1~", "\x1b[7~"]) {
    assertEquals(keysOf(home), [home]);
    assertEquals(at(20, home), 0, JSON.stringify(home));
  }
});

Deno.test("bytes of a terminal are keys and escape sequences", () => {
  assertEquals(keysOf("q\x1b[A\x1b[5~p\x1b"), [
    "q",
    "\x1b[A",
    "\x1b[5~",
    "p",
    "\x1b",
  ]);
  assertMatch(lines(undefined).join("\n"), /measuring/);
});
