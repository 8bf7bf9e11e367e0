/** The command `top` against fake processes, in batch mode and on a fake terminal. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { stripAnsiCode } from "@std/fmt/colors";
import { IpoibError } from "../../../src/base/errors.ts";
import type { Terminal } from "../../../src/cli/environment.ts";
import type { Handlers } from "../../../src/ipc/server.ts";
import * as records from "../../ipc/records.ts";
import { CliFixture, deny } from "../support.ts";

/** Handlers of a process whose counters grow with each call. */
function growing(): Handlers {
  let calls = 0;
  const traffic = () => ({
    ...{ rx_bytes: calls * 10, tx_bytes: 0, rx_packets: calls, tx_packets: 0 },
  });
  return {
    "link.show": () => {
      calls++;
      const { rx, tx } = records.link.stats64;
      const stats64 = { rx: { ...rx, bytes: calls * 1000 }, tx };
      return [{ ...records.link, stats64 }, records.childLink];
    },
    "neigh.show": () => [{ ...records.neighbours[0]!, ...traffic() }],
    "mcg.show": () => [{ ...records.groups[0]!, ...traffic() }],
  };
}

/** A terminal whose keys the test types, and whose screens it reads. */
class FakeTerminal implements Terminal {
  size = { columns: 80, rows: 24 };
  closed = false;
  suspended = 0;
  changed = () => {};
  readonly #keys: string[] = [];
  #waiting = Promise.withResolvers<void>();
  #screen = "";
  #drawn = Promise.withResolvers<void>();

  write(text: string): void {
    this.#screen = text;
    this.#drawn.resolve();
    this.#drawn = Promise.withResolvers();
  }
  onChange(listener: () => void): void {
    this.changed = listener;
  }
  suspend(): void {
    this.suspended++;
  }
  close(): void {
    this.closed = true;
  }
  async read(): Promise<string | undefined> {
    if (this.#keys.length === 0) await this.#waiting.promise;
    return this.#keys.shift();
  }
  /** Types a key; an undefined one is the end of input. */
  type(key?: string): void {
    if (key !== undefined) this.#keys.push(key);
    this.#waiting.resolve();
    this.#waiting = Promise.withResolvers();
  }
  /** Waits for a screen that contains `text`. */
  async shows(text: string): Promise<string> {
    while (!this.#screen.includes(text)) await this.#drawn.promise;
    return this.#screen;
  }
}

const QUICK = "-i 0.1";

Deno.test("batch mode prints as many tables as requested, each with rates", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", { handlers: growing() });
  const { code, out, err } = await cli.run(`top -b -n 2 ${QUICK}`);
  assertEquals([code, err], [0, ""]);
  const tables = out.split("\n\n");
  assertEquals(tables.length, 2);
  for (const table of tables) {
    assertMatch(table, /^INTERFACE +RX\/s/);
    assertMatch(table, /^ib0 +\d+(\.\d+)?k? +0 +0 +0 +0$/m);
    assertMatch(table, /^ib0\.8003 .* waiting for P_Key 0x8003/m);
  }
  assert(!out.includes("\x1b"));
});

Deno.test("batch mode has the tables of peers and groups, and JSON", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", { handlers: growing() });
  const peers = await cli.run(`top -bn1 ${QUICK} -t peers`);
  assertMatch(peers.out, /^10\.0\.0\.2 ib0 /m);
  const groups = await cli.run(`-j top -b -n 1 ${QUICK} -t groups`);
  const [group] = JSON.parse(groups.out);
  assertEquals([group.name, group.dev], [records.groups[0]!.mgid, "ib0"]);
  assert(group.rx_bytes_rate > 0);
});

Deno.test("without a terminal, top says that -b prints tables", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", { handlers: growing() });
  const { code, out, err } = await cli.run("top");
  assertEquals([code, out], [1, ""]);
  assertMatch(err, /not a terminal \(use -b to print tables\)\n/);
});

Deno.test("without an interface, batch mode fails as other commands do", async () => {
  await using cli = new CliFixture();
  assertEquals((await cli.run("top -b -n 1")).code, 3);
  assertEquals((await cli.run("top ib4 -b -n 1")).code, 3);
});

Deno.test("invalid options are refused", async () => {
  await using cli = new CliFixture();
  for (const words of ["-i 0", "-i x", "-n 0", "-t links", "--sort size"]) {
    assertEquals((await cli.run(`top -b ${words}`)).code, 1, words);
  }
});

Deno.test("the screen follows keys, and a key ends it", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", { handlers: growing() });
  const terminal = new FakeTerminal();
  cli.terminal = terminal;
  const run = cli.run(`top ${QUICK}`);
  await terminal.shows("INTERFACE");
  await terminal.shows("*RX/s");
  terminal.type("p");
  await terminal.shows("10.0.0.2 ib0");
  terminal.type("g");
  await terminal.shows("ff12:401b:ffff::ffff");
  terminal.type("t");
  await terminal.shows("*TX/s");
  terminal.type("h");
  await terminal.shows("this help");
  terminal.type("\x1a");
  terminal.type("q");
  assertEquals((await run).code, 0);
  assertEquals([terminal.closed, terminal.suspended], [true, 1]);
});

Deno.test("the screen adapts to another size, and shows nothing outside", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", { handlers: growing() });
  const terminal = new FakeTerminal();
  cli.terminal = terminal;
  const run = cli.run(`top ${QUICK}`);
  await terminal.shows("HISTORY");
  terminal.size = { columns: 30, rows: 5 };
  terminal.changed();
  const text = await terminal.shows("INTERFACE");
  const lines = stripAnsiCode(text).split("\r\n");
  assert(lines.length <= 5);
  for (const line of lines) assert(line.length <= 30, line);
  terminal.type("q");
  await run;
});

Deno.test("a signal, the end of input and an error restore the terminal", async () => {
  for (const end of ["signal", "input", "error"] as const) {
    await using cli = new CliFixture();
    await cli.daemon("ib0", { handlers: growing() });
    const terminal = new FakeTerminal();
    cli.terminal = terminal;
    const run = cli.run(`top ${QUICK}`);
    await terminal.shows("INTERFACE");
    if (end === "signal") cli.ending.resolve();
    else if (end === "input") terminal.type();
    else {
      terminal.write = () => {
        throw new Error("The terminal has gone");
      };
    }
    const { code } = await run;
    assertEquals([code, terminal.closed], [end === "error" ? 2 : 0, true], end);
  }
});

Deno.test("the screen waits for interfaces, and says that there are none", async () => {
  await using cli = new CliFixture();
  const terminal = new FakeTerminal();
  cli.terminal = terminal;
  const run = cli.run(`top ${QUICK}`);
  await terminal.shows("No interface is running");
  await cli.daemon("ib0", { handlers: growing() });
  const text = await terminal.shows("INTERFACE");
  assertStringIncludes(text, "ib0");
  terminal.type("q");
  await run;
});

Deno.test("without permission, top fails with the remedy; what may be shown is shown", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", { handlers: growing() });
  await cli.daemon("ib1", { handlers: growing() });
  const terminal = new FakeTerminal();
  cli.terminal = terminal;
  {
    using _denied = deny(".sock");
    for (const words of ["top -b -n 1", "top -b ib0", "top"]) {
      const { code, out, err } = await cli.run(`${words} ${QUICK}`);
      assertEquals([code, out], [2, ""], words);
      assertMatch(err, /^ipoib: Permission denied .* ib0 \(.* as root\)\n$/);
    }
    assertEquals(terminal.closed, true);
  }
  {
    using _denied = deny("/netns");
    for (const words of ["top -a", "top -a -b"]) {
      const { code, err } = await cli.run(`${words} ${QUICK}`);
      assertEquals(code, 2, words);
      assertMatch(err, /^ipoib: Permission denied .* \(.* as root\)\n$/);
    }
  }
  using _denied = deny("/ib1.sock");
  const { code, out } = await cli.run(`top -b -n 1 ${QUICK}`);
  assertEquals(code, 0);
  assertMatch(out, /^ib0 +\d/m);
  assertMatch(out, /^ib1 .* Permission denied on the control socket of ib1/m);
});

/** Handlers of a process that answers every other call of `link.show` only. */
function everyOther(): Handlers {
  let calls = 0;
  return {
    "link.show": () => {
      if (++calls % 2 === 0) {
        throw new IpoibError("E_TEST", "The process is busy");
      }
      const { rx, tx } = records.link.stats64;
      return [{ ...records.link, stats64: { rx: { ...rx, bytes: 1e12 }, tx } }];
    },
  };
}

Deno.test("after an answer that is missing, what was counted before is no rate", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", { handlers: everyOther() });
  const { code, out } = await cli.run(`top -b -n 3 ${QUICK}`);
  assertEquals(code, 0);
  assertEquals(out.match(/^ib0 .*$/gm), [
    "ib0             -       -       -       -       -  The process is busy",
    "ib0             -       -       -       -       -",
    "ib0             -       -       -       -       -  The process is busy",
  ]);
});

Deno.test("-n ends the screen after that many measurements, also without an answer", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", {
    handlers: {
      "link.show": () => {
        throw new IpoibError("E_TEST", "The process is busy");
      },
    },
  });
  const terminal = new FakeTerminal();
  cli.terminal = terminal;
  assertEquals((await cli.run(`top -n 2 ${QUICK}`)).code, 0);
  assertEquals(terminal.closed, true);
});

Deno.test("rows are not scrolled further than the last one, so the first key back moves them", async () => {
  await using cli = new CliFixture();
  const links = Array.from({ length: 5 }, (_, i) => ({
    ...records.link,
    ifname: `ib${i}`,
  }));
  await cli.daemon("ib0", { handlers: { "link.show": () => links } });
  const terminal = new FakeTerminal();
  terminal.size = { columns: 80, rows: 6 };
  cli.terminal = terminal;
  const run = cli.run(`top -i 60 --sort name`);
  await terminal.shows("ib0");
  terminal.type("\x1b[6~\x1b[6~");
  await terminal.shows("ib4");
  terminal.type("\x1b[A");
  await terminal.shows("ib2");
  terminal.type("\x1b[1~");
  await terminal.shows("ib0");
  terminal.type("q");
  await run;
});

Deno.test("-n ends the screen after that many measurements", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", { handlers: growing() });
  const terminal = new FakeTerminal();
  cli.terminal = terminal;
  assertEquals((await cli.run(`top -n 2 ${QUICK}`)).code, 0);
  assertEquals(terminal.closed, true);
});
