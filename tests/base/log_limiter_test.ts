import { assert, assertEquals } from "@std/assert";
import {
  Kind,
  LogLimiter,
  MAX_LINES,
  MAX_REASONS,
  PERIOD_MS,
  reasonOf,
} from "../../src/base/log_limiter.ts";
import { FakeClock } from "../../src/base/clock.ts";

function limiter() {
  const clock = new FakeClock();
  const reports: [string, number][] = [];
  const delays: number[] = [];
  const limiter = new LogLimiter({
    now: () => clock.now(),
    report: (reason, count) => void reports.push([reason, count]),
    wakeAfter: (delay) => void delays.push(delay),
  });
  return { clock, limiter, reports, delays };
}

function admitted(limiter: LogLimiter, reason: string, lines: number): number {
  let count = 0;
  for (let i = 0; i < lines; i++) if (limiter.admits(reason, reason)) count++;
  return count;
}

Deno.test("LogLimiter admits ten lines of a reason per period and counts the others", () => {
  const { clock, limiter: limit, reports, delays } = limiter();
  assertEquals(admitted(limit, "a", 1000), MAX_LINES);
  assertEquals(admitted(limit, "b", 3), 3);
  assertEquals(delays, [PERIOD_MS]);
  clock.advance(PERIOD_MS - 1);
  limit.flush();
  assertEquals(reports, []);
  clock.advance(1);
  limit.flush();
  assertEquals(reports, [["a", 1000 - MAX_LINES]]);
});

Deno.test("LogLimiter reports suppressed lines before the first line of the next period", () => {
  const { clock, limiter: limit, reports } = limiter();
  admitted(limit, "a", MAX_LINES + 5);
  clock.advance(PERIOD_MS);
  assert(limit.admits("a", "a"));
  assertEquals(reports, [["a", 5]]);
});

Deno.test("LogLimiter bounds the lines of any number of reasons and counts every suppressed line", () => {
  const { clock, limiter: limit, reports } = limiter();
  let lines = 0;
  for (let i = 0; i < 100_000; i++) {
    if (limit.admits(`reason ${i}`, "")) lines++;
    clock.advance(0.01);
  }
  assert(lines <= (MAX_REASONS + MAX_LINES), `${lines} lines`);
  limit.flush(true);
  const suppressed = reports.reduce((sum, [, count]) => sum + count, 0);
  assertEquals(lines + suppressed, 100_000);
});

Deno.test("LogLimiter schedules one flush at a time until every count is reported", () => {
  const { clock, limiter: limit, reports, delays } = limiter();
  admitted(limit, "a", MAX_LINES + 1);
  clock.advance(1000);
  admitted(limit, "b", MAX_LINES + 2);
  assertEquals(delays, [PERIOD_MS]);
  clock.advance(PERIOD_MS - 1000);
  limit.flush();
  assertEquals(reports, [["a", 1]]);
  assertEquals(delays, [PERIOD_MS, 1000]);
  clock.advance(1000);
  limit.flush();
  assertEquals(reports, [["a", 1], ["b", 2]]);
  admitted(limit, "a", MAX_LINES + 1);
  assertEquals(delays, [PERIOD_MS, 1000, PERIOD_MS]);
});

Deno.test("LogLimiter admits lines again in each new period", () => {
  const { clock, limiter: limit, reports } = limiter();
  for (let period = 0; period < 3; period++) {
    assertEquals(admitted(limit, "a", 100), MAX_LINES);
    clock.advance(PERIOD_MS);
  }
  assertEquals(reports.length, 2);
});

Deno.test("LogLimiter bounds the length of all lines of a kind, and counts the others", () => {
  const { clock, limiter: limit, reports } = limiter();
  const text = "x".repeat(1000);
  for (const kind of [Kind.Message, Kind.Debug]) {
    let bytes = 0;
    for (let i = 0; i < 1000; i++) {
      if (limit.admits(undefined, text, kind)) bytes += text.length;
    }
    assert(bytes <= kind.bytes && bytes > kind.bytes * 0.9, `${bytes} bytes`);
  }
  clock.advance(PERIOD_MS);
  limit.flush();
  assertEquals(reports.map(([reason]) => reason), [
    "more than 32 KiB of lines in 5 s",
    "more than 256 KiB of debug lines in 5 s",
  ]);
});

Deno.test("reasonOf() replaces numbers, addresses and quoted names", () => {
  assertEquals(
    reasonOf("Malformed frame on connection 17"),
    "Malformed frame on connection #",
  );
  assertEquals(
    reasonOf('MAD of "ib0" (LID 0x0002, ff12:401b:ffff::1) dropped: too short'),
    'MAD of "#" (LID #, #) dropped: too short',
  );
});
