import { assertEquals } from "@std/assert";
import { configureLog, getLogger } from "../../src/base/log.ts";

Deno.test("log lines are in the driver's manner", async () => {
  const lines: string[] = [];
  await configureLog("info", (text) => void lines.push(text));
  const log = getLogger("ib0");
  log.info("link is up");
  log.warn("multicast join failed");
  log.error("gone");
  log.debug("not shown");
  getLogger().info("no name");
  assertEquals(lines, [
    "ib0: link is up\n",
    "ib0: warning: multicast join failed\n",
    "ib0: error: gone\n",
    "no name\n",
  ]);
});

Deno.test("log levels hide what is below them", async () => {
  for (
    const [level, shown] of [
      ["debug", 3],
      ["warning", 1],
      ["error", 0],
      ["silent", 0],
    ] as const
  ) {
    const lines: string[] = [];
    await configureLog(level, (text) => void lines.push(text));
    const log = getLogger("ib0");
    log.debug("d");
    log.info("i");
    log.warn("w");
    assertEquals(lines.length, shown, level);
  }
});

Deno.test("a logger may have a name that every object has", async () => {
  const lines: string[] = [];
  await configureLog("info", (text) => void lines.push(text));
  for (const name of ["constructor", "toString", "__proto__"]) {
    getLogger(name).info("link is up");
  }
  assertEquals(lines, [
    "constructor: link is up\n",
    "toString: link is up\n",
    "__proto__: link is up\n",
  ]);
});
