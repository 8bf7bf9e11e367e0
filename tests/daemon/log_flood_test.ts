/** Log of the subnet manager under a flood of malformed frames. */

import { assert, assertEquals } from "@std/assert";
import { FakeClock } from "../../src/base/clock.ts";
import { configureLog, getLogger } from "../../src/base/log.ts";
import { MAX_LINES, PERIOD_MS } from "../../src/base/log_limiter.ts";
import { defaultPartitions } from "../../src/subnet/partitions.ts";
import { SubnetManager } from "../../src/subnet/manager.ts";

const FRAMES = 100_000;

Deno.test("100 000 malformed frames produce a limited number of log lines, and the others are counted", () => {
  const lines: string[] = [];
  const clock = new FakeClock();
  const limited = configureLog("info", {
    write: (text) => void lines.push(text),
    now: () => clock.now(),
    wakeAfter: () => {},
  });
  const log = getLogger("subnet default");
  const manager = new SubnetManager({
    manager: { guid: 1n, pid: 1, host: "h", name: "ib0" } as never,
    now: 0,
    partitions: defaultPartitions(),
    log: (_level, text) => log.warn(text),
    send: () => {},
  });
  const malformed = Uint8Array.of(0xff, 0xff, 0xff);
  for (let i = 0; i < FRAMES; i++) {
    const connection = i % 100;
    manager.connect(connection, 0);
    manager.receive(connection, malformed, clock.now());
  }
  assert(lines.length <= MAX_LINES, `${lines.length} lines`);
  clock.advance(PERIOD_MS);
  limited.flush();
  assertEquals(lines.length, MAX_LINES + 1);
  assertEquals(
    lines.at(-1)?.split(": ")[0],
    `${FRAMES - MAX_LINES} lines suppressed`,
  );
});
