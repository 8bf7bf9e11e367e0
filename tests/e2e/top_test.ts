/** `ipoib top` on a pseudo-terminal of 80 columns, in a pipe, and without a terminal. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { stripAnsiCode } from "@std/fmt/colors";
import { programCommand } from "../../scripts/program.ts";
import {
  type Lab,
  labTest,
  onTerminal,
  type Program,
  run,
  shellLine,
  until,
} from "./harness/mod.ts";

/** Begins and ends the alternate screen. */
const ENTER = "\x1b[?1049h";
const LEAVE = "\x1b[?1049l";

/**
 * Starts `ipoib top WORDS...` on a pseudo-terminal of 80 columns and 24 rows. The settings of the terminal are printed
 * before and after it, its PID and its exit code.
 */
function start(lab: Lab, before: string, ...words: string[]): Program {
  const command = shellLine([...programCommand(), "top", ...words]);
  const started = `sh -c 'echo "pid $$"; exec "$0" "$@"' ${command}`;
  return lab.start(onTerminal(
    `echo "mode $(stty -g)"; ${before}` +
      `${started}; echo "exit $?"; echo "mode $(stty -g)"`,
  ));
}

/** Checks that the terminal was restored. */
function checkRestored(output: string): void {
  const modes = [...output.matchAll(/mode (\S+)\r/g)].map(([, mode]) => mode);
  assertEquals(modes.length, 2, output);
  assertEquals(modes[0], modes[1]);
  assertEquals(output.split(ENTER).length, output.split(LEAVE).length);
}

/** Returns the last screen of the output, as lines without escape sequences. */
function lastScreen(output: string): string[] {
  const [shown = ""] = output.split(LEAVE);
  const last = shown.split("\x1b[H").at(-1)!;
  return stripAnsiCode(last).split(/\r*\n/);
}

labTest(
  "top shows rates on a terminal of 80 columns, follows keys, and restores the terminal",
  async (lab) => {
    const [a, b] = await lab.running(2);
    const pings = a.start("ping", "-q", "-i", "0.02", "-s", "1000", b.address);
    const top = start(lab, "unset NO_COLOR; ", "-a", "-i", "0.3");
    await top.prints(/total {2}rx \d/);
    await until("a rate of the interface", () => {
      const row = lastScreen(top.output).find((line) =>
        line.startsWith(`${a.namespace}/ib0`)
      );
      return row !== undefined && /\d\.\d+k/.test(row);
    });
    assertStringIncludes(top.output, "\x1b[36m");
    for (const line of lastScreen(top.output)) {
      assert([...line].length <= 80, line);
    }
    await top.write("p");
    await until(
      "the peers",
      () => lastScreen(top.output).some((line) => line.startsWith(b.address)),
    );
    await top.write("g");
    await until(
      "the groups",
      () => lastScreen(top.output).some((line) => line.startsWith("ff12:401b")),
    );
    await top.write("q");
    await until("the end of top", () => top.ended);
    assertMatch(top.output, /exit 0/);
    checkRestored(top.output);
    pings.kill("SIGINT");
  },
);

labTest(
  "top restores the terminal when Ctrl-C or a signal ends it, and has no colors with NO_COLOR",
  async (lab) => {
    await lab.running(1);
    for (const end of ["key", "signal"]) {
      const top = start(lab, "", "-a", "-i", "0.3");
      await top.prints(/INTERFACE/);
      if (end === "key") await top.write("\x03");
      else Deno.kill(Number((await top.prints(/pid (\d+)/))[1]), "SIGTERM");
      await until(`the end of top by a ${end}`, () => top.ended);
      checkRestored(top.output);
      // deno-lint-ignore no-control-regex -- escape sequences begin with ESC
      assert(!/\x1b\[[0-9;]*m/.test(top.output), "a color with NO_COLOR");
    }
  },
);

labTest(
  "top prints tables in a pipe with -b, and says so without it",
  async (lab) => {
    const [a, b] = await lab.running(2);
    const pings = a.start("ping", "-q", "-i", "0.02", b.address);
    const batch = await lab.ipoib("-a", "top", "-b", "-n", "2", "-i", "0.5");
    assertEquals([batch.code, batch.stderr], [0, ""]);
    const tables = batch.stdout.split("\n\n");
    assertEquals(tables.length, 2);
    const row = new RegExp(`^${a.namespace}/ib0 +[1-9]`, "m");
    assertMatch(tables[1]!, row);
    pings.kill("SIGINT");
    // The reader exits first.
    const words = [...programCommand(), ...["-a", "top", "-b", "-i", "0.1"]];
    const head = await run(["sh", "-c", '"$0" "$@" | head -n 1', ...words], {
      env: lab.env,
    });
    assertMatch(head.stdout, /^INTERFACE .*\n$/);
    const refused = await lab.ipoib("top", "-a");
    assertEquals([refused.code, refused.stdout], [1, ""]);
    assertMatch(refused.stderr, /not a terminal \(use -b to print tables\)/);
  },
);
