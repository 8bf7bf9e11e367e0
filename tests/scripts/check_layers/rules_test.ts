import { assertEquals } from "@std/assert";
import {
  MAY_IMPORT,
  MAY_IMPORT_LAZILY,
  type Room,
  roomOf,
  violation,
} from "../../../scripts/check_layers/rules.ts";
import { circle } from "../../../scripts/check_layers/graph.ts";

const edge = (from: string, to: string, lazy = false) => ({ from, to, lazy });

/** A file that lies in `room`. */
const fileIn = (room: string) =>
  room === "main"
    ? "main.ts"
    : room === "ffi"
    ? "ffi/a.ts"
    : `src/${room}/a.ts`;

Deno.test("roomOf() tells the room of a path", () => {
  assertEquals(roomOf("main.ts"), "main");
  assertEquals(roomOf("ffi/libc.ts"), "ffi");
  assertEquals(roomOf("src/wire/arp.ts"), "wire");
  assertEquals(roomOf("src/hca/hca.ts"), "hca");
  assertEquals(roomOf("src/hca/soft/port.ts"), "hca/soft");
  assertEquals(roomOf("src/hca/verbs/ring/cq.ts"), "hca/verbs");
  assertEquals(roomOf("src/ipoib/neighbour/table.ts"), "ipoib");
  assertEquals(roomOf("src/stray.ts"), undefined);
  assertEquals(roomOf("src/attic/a.ts"), undefined);
  assertEquals(roomOf("tests/wire/arp_test.ts"), undefined);
});

Deno.test("violation() allows what the table allows, and nothing else", () => {
  const rooms = Object.keys(MAY_IMPORT) as Room[];
  for (const from of rooms) {
    const allowed: readonly Room[] = MAY_IMPORT[from];
    for (const to of rooms) {
      const found = violation(edge(fileIn(from), fileIn(to)));
      assertEquals(
        found === undefined,
        from === to || allowed.includes(to),
        `${from} -> ${to}: ${found}`,
      );
    }
  }
});

Deno.test("violation() names the rule", () => {
  assertEquals(
    violation(edge("src/base/log.ts", "src/wire/gid.ts")),
    "base may import no room; not wire",
  );
  assertEquals(
    violation(edge("src/wire/gid.ts", "ffi/libc.ts")),
    "wire may import base; not ffi",
  );
  assertEquals(
    violation(edge("src/ipoib/tx.ts", "src/hca/soft/port.ts")),
    "ipoib may import base, wire, system, hca, netdev, sa; not hca/soft",
  );
});

Deno.test("violation() lets cli import daemon lazily only", () => {
  const [from, to] = ["src/cli/up.ts", "src/daemon/start.ts"];
  assertEquals(violation(edge(from, to, true)), undefined);
  assertEquals(
    violation(edge(from, to)),
    "cli may import daemon only lazily",
  );
});

Deno.test("violation() lets the version be read from deno.json", () => {
  assertEquals(violation(edge("src/ipc/version.ts", "deno.json")), undefined);
});

Deno.test("violation() refuses imports of tests, scripts and unknown rooms", () => {
  const rule = "the program imports only its own rooms";
  assertEquals(violation(edge("src/wire/a.ts", "tests/wire/b.ts")), rule);
  assertEquals(violation(edge("main.ts", "scripts/demo.ts")), rule);
  assertEquals(
    violation(edge("src/attic/a.ts", "src/base/b.ts")),
    "the file lies in no room of the table",
  );
  assertEquals(violation(edge("tests/a.ts", "scripts/b.ts")), undefined);
});

Deno.test("MAY_IMPORT has no circle, lazy imports aside", () => {
  const edges = Object.entries(MAY_IMPORT).flatMap(([from, allowed]) =>
    allowed.map((to) => edge(fileIn(from), fileIn(to)))
  );
  assertEquals(circle(edges), undefined);
  assertEquals(Object.keys(MAY_IMPORT_LAZILY), ["cli"]);
});
