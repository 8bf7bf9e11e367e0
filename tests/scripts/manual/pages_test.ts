/** The man pages: complete, without complaints of mandoc, and readable on a terminal of 80 columns. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { manPages } from "../../../scripts/manual/pages.ts";
import { Cli } from "../../../src/cli/cli.ts";
import { addCommands, bareProgram } from "../../../src/cli/program.ts";
import { systemEnvironment } from "../../../src/cli/system_environment.ts";
import { TOPICS } from "../../../src/cli/topics.ts";
import {
  NOT_IN_FILES,
  settingsOf,
} from "../../../src/cli/config/interface_file.ts";
import { missingTools, testWhere } from "../../test_where.ts";

const pages = await manPages(new Date("2026-11-30T00:00:00Z"));
const decoder = new TextDecoder();

/** Returns the source of a page without its escape sequences. */
function plainSource(name: string): string {
  return pages.get(name)!.replaceAll(/\\f[A-Z]|\\[%&]/g, "")
    .replaceAll("\\-", "-").replaceAll(/\s+/g, " ");
}

/** Returns all commands below `command`, and itself. */
function allOf(command: CommandUnknownOpts): CommandUnknownOpts[] {
  return [command, ...command.commands.flatMap(allOf)];
}

/** Runs a program on a page in a file. */
async function runOn(
  page: string,
  program: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ out: string; err: string }> {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/${page}`;
    await Deno.writeTextFile(path, pages.get(page)!);
    const { stdout, stderr } = await new Deno.Command(program, {
      args: [...args, path],
      env,
    }).output();
    return { out: decoder.decode(stdout), err: decoder.decode(stderr) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("ipoib(8) has every command with its description, arguments and options", async () => {
  const page = plainSource("ipoib.8");
  const contains = (text: string) =>
    assert(page.includes(text.replaceAll("`", "")), text);
  const program = await addCommands(
    bareProgram(),
    new Cli(systemEnvironment()),
  );
  for (const command of allOf(program)) {
    const words = [command.name()];
    for (let above = command.parent; above; above = above.parent) {
      words.unshift(above.name());
    }
    contains(words.join(" "));
    const help = command.createHelp();
    for (const option of command.options) {
      contains(option.flags.replace(/<(.*)>$/, "$1"));
      contains(help.optionDescription(option));
    }
    if (command === program) continue;
    contains(command.description().slice(1));
    for (const argument of command.registeredArguments) {
      contains(argument.description);
    }
  }
});

Deno.test("ipoib(8) has a section for each topic of the help", () => {
  const page = pages.get("ipoib.8")!;
  for (const { name, section = name } of TOPICS) {
    const title = section.toUpperCase().replaceAll("-", " ");
    assertStringIncludes(page, `\n.Sh ${title}\n`);
  }
});

Deno.test("ipoib.conf(5) has every key of configuration files", async () => {
  const page = plainSource("ipoib.conf.5");
  const program = await addCommands(
    bareProgram(),
    new Cli(systemEnvironment()),
  );
  const up = program.commands.find((each) => each.name() === "up");
  const options = up!.options.filter(({ long }) =>
    long && !NOT_IN_FILES.includes(long)
  ).map(({ long }) => long!.slice(2));
  const settings = (["parent", "child"] as const).flatMap((kind) => [
    ...settingsOf(kind).keys(),
  ]);
  for (const key of [...options, ...settings, "address", "route", "pkey"]) {
    assertStringIncludes(page, `"${key} = `);
  }
});

for (const name of pages.keys()) {
  testWhere(
    missingTools("mandoc"),
    `mandoc -T lint accepts ${name}`,
    async () => {
      const { out, err } = await runOn(name, "mandoc", ["-T", "lint"]);
      // Pages of other packages, which may not be installed.
      const lines = out.split("\n").filter((line) =>
        line !== "" && !line.includes("referenced manual not found")
      );
      assertEquals([lines, err], [[], ""]);
    },
  );

  testWhere(
    missingTools("mandoc"),
    `mandoc prints ${name} on 80 columns`,
    async () => {
      const { out } = await runOn(name, "mandoc", ["-T", "utf8"]);
      assertReadable(out.replaceAll(/.[\b]/g, ""));
    },
  );

  testWhere(
    missingTools("man"),
    `man -l prints ${name} on 80 columns, without warnings`,
    async () => {
      const { out, err } = await runOn(name, "man", ["--warnings", "-l"], {
        MANWIDTH: "80",
        LC_ALL: "C.UTF-8",
      });
      assertReadable(out);
      assertEquals(err, "");
    },
  );
}

function assertReadable(page: string): void {
  assertMatch(page, /^IPOIB\S*\(\d\) .*\n\nNAME\n/);
  assertEquals(page.split("\n").filter((line) => line.length > 80), []);
}
