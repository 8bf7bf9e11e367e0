import { assert, assertEquals } from "@std/assert";
import { FakeClock } from "../../src/base/clock.ts";
import {
  configureLog,
  explain,
  getDebugLogger,
  getLogger,
} from "../../src/base/log.ts";
import { plainLine, stampedLine } from "../../src/base/log_line.ts";
import { MAX_LINES, PERIOD_MS } from "../../src/base/log_limiter.ts";

Deno.test("a log line has the logger's name and, unless it is info, the level", () => {
  const lines: string[] = [];
  configureLog("info", { write: (text) => void lines.push(text) });
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

Deno.test("the log drops lines below the minimum level", () => {
  for (
    const [level, shown] of [
      ["debug", 3],
      ["warning", 1],
      ["error", 0],
      ["silent", 0],
    ] as const
  ) {
    const lines: string[] = [];
    configureLog(level, { write: (text) => void lines.push(text) });
    const log = getLogger("ib0");
    log.debug("d");
    log.info("i");
    log.warn("w");
    assertEquals(lines.length, shown, level);
  }
});

Deno.test("the log suppresses a flood of similar lines and reports their number", () => {
  const lines: string[] = [];
  const clock = new FakeClock();
  const limited = configureLog("info", {
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

Deno.test("the log replaces control characters and cuts long lines", () => {
  const lines: string[] = [];
  configureLog("info", { write: (text) => void lines.push(text) });
  getLogger("ib0").info("name {a}\nib0: error: forged\x1b[31m");
  getLogger("ib0").info("x".repeat(100_000));
  assertEquals(lines[0], "ib0: name {a}?ib0: error: forged?[31m\n");
  assert(lines[1]!.length < 2000);
});

Deno.test("a logger may have the name of a member that every object has", () => {
  const lines: string[] = [];
  configureLog("info", { write: (text) => void lines.push(text) });
  for (const name of ["constructor", "toString", "__proto__"]) {
    getLogger(name).info("link is up");
  }
  assertEquals(lines, [
    "constructor: link is up\n",
    "toString: link is up\n",
    "__proto__: link is up\n",
  ]);
});

Deno.test("the minimum level of the log can be changed at any time", () => {
  const lines: string[] = [];
  const control = configureLog("info", {
    write: (text) => void lines.push(text),
  });
  const log = getLogger("ib0");
  const unwanted = () => {
    throw new Error("The text of a disabled line was built");
  };
  explain(log, unwanted);
  control.level = "debug";
  explain(log, () => "joins");
  control.level = "warning";
  log.info("not shown");
  explain(log, unwanted);
  assertEquals([control.level, ...lines], ["warning", "ib0: debug: joins\n"]);
});

Deno.test("100 000 different lines in five seconds are at most 64 KiB in the log, at level debug 320 KiB", () => {
  for (const [level, most] of [["info", 32], ["debug", 288]] as const) {
    let bytes = 0;
    const clock = new FakeClock();
    const limited = configureLog(level, {
      sink: (line) => void (bytes += stampedLine(line).length),
      now: () => clock.now(),
      wakeAfter: () => {},
    });
    const log = getLogger("ib0");
    const words = ["alpha", "beta", "gamma", "delta", "epsilon"];
    for (let i = 0; i < 100_000; i++) {
      const word = words[i % 5]! + String.fromCharCode(97 + i % 23);
      const text = `${word} ${"x".repeat(i % 1000)}`;
      log.warn(text);
      explain(log, () => text);
      if (level === "debug") getDebugLogger("ib0").info(text);
      clock.advance(PERIOD_MS / 200_000);
    }
    limited.flush(true);
    // The counts of the suppressed lines add at most 32 KiB.
    assert(bytes < (most + 32) * 1024, `${level}: ${bytes} bytes`);
  }
});

Deno.test("lines that cannot be written are counted, and the count precedes the next line", () => {
  const lines: string[] = [];
  let full = true;
  configureLog("info", {
    sink: (line) => {
      if (full) throw new Error("No space left on device");
      lines.push(plainLine(line));
    },
  });
  const log = getLogger("ib0");
  log.info("a");
  log.info("b");
  full = false;
  log.info("c");
  assertEquals(lines, [
    "warning: 2 lines lost, because the log could not be written\n",
    "ib0: c\n",
  ]);
});
