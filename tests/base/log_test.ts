import { assert, assertEquals } from "@std/assert";
import { FakeClock } from "../../src/base/clock.ts";
import { configureLog, getLogger } from "../../src/base/log.ts";
import { MAX_LINES, PERIOD_MS } from "../../src/base/log_limiter.ts";

Deno.test("a log line has the logger's name and, unless it is info, the level", async () => {
  const lines: string[] = [];
  await configureLog("info", { write: (text) => void lines.push(text) });
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

Deno.test("the log drops lines below the minimum level", async () => {
  for (
    const [level, shown] of [
      ["debug", 3],
      ["warning", 1],
      ["error", 0],
      ["silent", 0],
    ] as const
  ) {
    const lines: string[] = [];
    await configureLog(level, { write: (text) => void lines.push(text) });
    const log = getLogger("ib0");
    log.debug("d");
    log.info("i");
    log.warn("w");
    assertEquals(lines.length, shown, level);
  }
});

Deno.test("the log suppresses a flood of similar lines and reports their number", async () => {
  const lines: string[] = [];
  const clock = new FakeClock();
  const limited = await configureLog("info", {
    write: (text) => void lines.push(text),
    now: () => clock.now(),
    wakeAfter: () => {},
  });
  const log = getLogger("subnet lab");
  for (let i = 0; i < 1000; i++) log.warn(`Frame of port ${i} is too long`);
  log.info("port is up");
  clock.advance(PERIOD_MS);
  limited.flush();
  assertEquals(lines.length, MAX_LINES + 2);
  assertEquals(lines.slice(-2), [
    "subnet lab: port is up\n",
    `${
      1000 - MAX_LINES
    } lines suppressed: subnet lab: warning: Frame of port # is too long\n`,
  ]);
});

Deno.test("the log replaces control characters and cuts long lines", async () => {
  const lines: string[] = [];
  await configureLog("info", { write: (text) => void lines.push(text) });
  getLogger("ib0").info("name {a}\nib0: error: forged\x1b[31m");
  getLogger("ib0").info("x".repeat(100_000));
  assertEquals(lines[0], "ib0: name {a}?ib0: error: forged?[31m\n");
  assert(lines[1]!.length < 2000);
});

Deno.test("a logger may have the name of a member that every object has", async () => {
  const lines: string[] = [];
  await configureLog("info", { write: (text) => void lines.push(text) });
  for (const name of ["constructor", "toString", "__proto__"]) {
    getLogger(name).info("link is up");
  }
  assertEquals(lines, [
    "constructor: link is up\n",
    "toString: link is up\n",
    "__proto__: link is up\n",
  ]);
});
