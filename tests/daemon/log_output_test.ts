/** Lines of the log as entries of the journal. */

import { assertEquals, assertThrows } from "@std/assert";
import { Errno } from "../../src/base/errno.ts";
import { IpoibError } from "../../src/base/errors.ts";
import type { LogLine } from "../../src/base/log_line.ts";
import { journalSink } from "../../src/daemon/log_output.ts";
import { isJournal } from "../../src/system/journal.ts";
import { openRegular } from "../../src/system/regular_file.ts";

type Fields = Readonly<Record<string, string | number>>;

function line(name: string, level: LogLine["level"] = "info"): LogLine {
  return { time: new Date(0), level, name, text: "text" };
}

Deno.test("an entry has the priority of the level, and a field for its subject", () => {
  const entries: Fields[] = [];
  const sink = journalSink({ send: (fields) => void entries.push(fields) });
  sink(line("ib0", "warning"));
  sink(line("subnet lab", "debug"));
  sink(line("mlx5_0/1", "error"));
  sink(line(""));
  const common = { SYSLOG_IDENTIFIER: "ipoib" };
  assertEquals(entries, [
    { MESSAGE: "ib0: text", PRIORITY: 4, ...common, INTERFACE: "ib0" },
    { MESSAGE: "subnet lab: text", PRIORITY: 7, ...common, SUBNET: "lab" },
    { MESSAGE: "mlx5_0/1: text", PRIORITY: 3, ...common, DEVICE: "mlx5_0/1" },
    { MESSAGE: "text", PRIORITY: 6, ...common },
  ]);
});

Deno.test("without the journal's socket, lines go to standard error with their priority", () => {
  const stderr: string[] = [];
  const sink = journalSink({
    send: () => {
      throw new IpoibError("E_JOURNAL", "x", { errno: Errno.ENOENT });
    },
  }, (text) => void stderr.push(text));
  sink(line("ib0", "warning"));
  assertEquals(stderr, ["<4>ib0: text\n"]);
});

Deno.test("a journal that does not receive loses the line, and is not waited for", () => {
  const stderr: string[] = [];
  const sink = journalSink({
    send: () => {
      throw new IpoibError("E_JOURNAL", "x", { errno: Errno.EAGAIN });
    },
  }, (text) => void stderr.push(text));
  assertThrows(() => sink(line("ib0")), IpoibError);
  assertEquals(stderr, []);
});

Deno.test("isJournal() compares device and inode with those of the descriptor", () => {
  const path = Deno.makeTempFileSync();
  try {
    using file = openRegular(path, "E_X", { access: "read" });
    const { dev, ino } = Deno.statSync(path);
    const is = (stream: string | undefined, fd = file.number) =>
      isJournal(stream, fd);
    assertEquals(is(`${dev}:${ino}`), true);
    assertEquals(is(`${dev}:${ino! + 1}`), false);
    assertEquals(is(`${dev + 1}:${ino}`), false);
    for (const invalid of [undefined, "", "8", "8:x", ":", "8:1:2"]) {
      assertEquals(is(invalid), false);
    }
    assertEquals(is(`${dev}:${ino}`, -1), false);
  } finally {
    Deno.removeSync(path);
  }
});
