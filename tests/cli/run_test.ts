import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { VARIABLES } from "../../src/base/variables.ts";
import { Exit } from "../../src/cli/errors.ts";
import { EthtoolExit } from "../../src/cli/ethtool_set.ts";
import { addCommands, bareProgram } from "../../src/cli/program.ts";
import { endOf, fromCommand } from "../../src/cli/translate.ts";
import { VERSION } from "../../src/ipc/version.ts";
import { Cli } from "../../src/cli/cli.ts";
import { CliFixture } from "./support.ts";

/** Returns the command tree. */
async function programOf(cli: CliFixture): Promise<CommandUnknownOpts> {
  return throwing(await addCommands(bareProgram(), contextOf(cli)));
}

/** Returns the program with the commands that a command line may name. */
async function programFor(
  cli: CliFixture,
  words: readonly string[],
): Promise<CommandUnknownOpts> {
  const program = bareProgram();
  const named = fromCommand(words, program);
  return throwing(await addCommands(program, contextOf(cli), named));
}

function contextOf(cli: CliFixture): Cli {
  return new Cli(cli.environment({ code: 0, out: "", err: "" }));
}

/** Makes a command and its subcommands throw errors and print none. */
function throwing(command: CommandUnknownOpts): CommandUnknownOpts {
  command.exitOverride().configureOutput({ outputError: () => {} });
  command.commands.forEach(throwing);
  return command;
}

Deno.test("help of every command is written to standard output with exit code 0", async () => {
  await using cli = new CliFixture();
  const program = await programOf(cli);
  const objects = program.commands.map((each) => each.name());
  const commands = program.commands.flatMap((object) =>
    object.commands.map((each) => `${object.name()} ${each.name()}`)
  );
  for (const words of ["", ...objects, ...commands]) {
    const usage = words === "" ? "Usage: ipoib" : `Usage: ipoib ${words}`;
    for (const line of [`${words} --help`, `${words} -h`, `help ${words}`]) {
      const { code, out, err } = await cli.run(line);
      assertEquals([code, err], [0, ""], line);
      assert(out.startsWith(usage), `${line}: ${out}`);
    }
  }
  const out = (await cli.run("--help")).out.replaceAll(/ *\n {19,}/g, " ");
  for (const word of [...objects, "Exit codes"]) {
    assertStringIncludes(out, word);
  }
  for (const [name, text] of Object.entries(VARIABLES)) {
    assertStringIncludes(out, `  ${name.padEnd(18)} ${text}\n`);
  }
});

Deno.test("each command is built if a word of the command line names it", async () => {
  await using cli = new CliFixture();
  const built = async (words: string[]) =>
    (await programFor(cli, words)).commands.map((each) => each.name());
  const all = await built([]);
  for (const name of all) {
    const some = await built(["-n", "up", "-d", name, "get"]);
    assert(some.includes(name) && some.length < all.length, name);
  }
  assertStringIncludes((await cli.run("lnik up")).err, "did you mean link?");
});

Deno.test("a command line means the same with the commands that it may name as with all", async () => {
  await using cli = new CliFixture();
  const program = await programOf(cli);
  const lines = program.commands.flatMap((object) => {
    const name = object.name();
    const words = object.commands.flatMap((each) => [
      each.name(),
      ...each.aliases(),
    ]);
    return [
      ...prefixes(name).map((word) => [word]),
      ...words.flatMap(prefixes).map((word) => [name, word]),
    ];
  });
  for (const words of lines) {
    const meaning = meaningOf(words, await programFor(cli, words));
    // An unknown command is looked for among all.
    if (meaning.includes("unknown command")) continue;
    assertEquals(meaning, meaningOf(words, program), words.join(" "));
  }
});

/** Returns all words with which `word` begins. */
function prefixes(word: string): string[] {
  return Array.from(word, (_letter, at) => word.slice(0, at + 1));
}

/** Returns the usage of the command that words name, or their error. */
function meaningOf(
  words: readonly string[],
  program: CommandUnknownOpts,
): string {
  try {
    const { command } = endOf(words, program);
    return `${command.parent?.name()} ${command.name()} ${command.usage()}`;
  } catch (error) {
    return String(error);
  }
}

Deno.test("help of an unknown word is refused like the word itself", async () => {
  await using cli = new CliFixture();
  const cases: Record<string, readonly string[]> = {
    "bogus": ["help bogus", "bogus help", "bogus -h", "--help -- bogus"],
    "lnik": ["help lnik", "help lnik show", "lnik show --help"],
    "link bogus": ["help link bogus", "link help bogus", "link bogus -h"],
    "link shwo": ["help link shwo", "link shwo ib0 help", "link shwo ib0 -V"],
    "files x": ["help files x"],
  };
  for (const [line, helps] of Object.entries(cases)) {
    const expected = await cli.run(line);
    assertEquals([expected.code, expected.out], [1, ""], line);
    assertStringIncludes(expected.err, "Unknown command");
    for (const help of helps) {
      assertEquals(await cli.run(help), expected, help);
    }
  }
});

Deno.test("-V prints the version", async () => {
  await using cli = new CliFixture();
  for (const line of ["-V", "--version"]) {
    assertEquals(await cli.run(line), {
      code: 0,
      out: `ipoib ${VERSION}\n`,
      err: "",
    });
  }
});

Deno.test("invalid arguments print an error line and a usage line and return exit code 1", async () => {
  await using cli = new CliFixture();
  const objects = (await programOf(cli)).commands.map((each) => each.name());
  const cases: Array<[string, string, string]> = [
    [
      "",
      `Command is missing (expected ${objects.join(", ")})`,
      "ipoib [options] COMMAND",
    ],
    [
      "lnik",
      "Unknown command 'lnik' (did you mean link?)",
      "ipoib [options] COMMAND",
    ],
    [
      "debug",
      "Command is missing (expected mcg, path)",
      "ipoib debug COMMAND",
    ],
    [
      "link shwo",
      "Unknown command 'shwo' (did you mean show?)",
      "ipoib link COMMAND",
    ],
    [
      "up --mtux 1",
      "Unknown option '--mtux' (did you mean --mtu?)",
      "ipoib up [options] [IF...]",
    ],
    [
      "link show a b",
      "Too many arguments for 'show': expected 1 argument but got 2: a, b",
      "ipoib link show [options] [IF]",
    ],
    [
      "up --io fast",
      "Option '--io <backend>' argument 'fast' is invalid: allowed choices are auto, poll, uring",
      "ipoib up [options] [IF...]",
    ],
    [
      "up --mtu 10",
      "Option '--mtu <bytes>' argument '10' is invalid: it must be a number from 68 to 65520",
      "ipoib up [options] [IF...]",
    ],
    [
      "link del kid type",
      "Exactly one interface name is required",
      "ipoib link del [options] [dev] NAME [type ipoib]",
    ],
    [
      "link del kid type vlan",
      'Link type "vlan" is not supported (use type ipoib, or ip for interfaces of other types)',
      "ipoib link del [options] [dev] NAME [type ipoib]",
    ],
    [
      "link add link ib0 name kid type vlan id 5",
      'Link type "vlan" is not supported (use type ipoib, or ip for interfaces of other types)',
      "ipoib link add [options] link IF name NAME type ipoib [pkey P_KEY] [mode M] [umcast 0|1]",
    ],
    [
      "addr add 10.0.0.1/24 dev ib0",
      "Unknown command 'add' (use ip addr add)",
      "ipoib addr COMMAND",
    ],
    [
      "neigh g 10.0.0.1",
      "Unknown command 'get' (use ip neigh get)",
      "ipoib neigh COMMAND",
    ],
    [
      "-n link",
      'Command is missing ("link" is the network namespace of option -n)',
      "ipoib [options] COMMAND",
    ],
    [
      "-j check-config x",
      "Command check-config prints no JSON",
      "ipoib check-config [options] [FILE...]",
    ],
    [
      "capture ib0 -j",
      "Command capture prints no JSON (tshark -T json -r FILE prints a file)",
      "ipoib capture [options] <IF> [FILTER...]",
    ],
    [
      "up --mtu 71",
      'Invalid MTU "71" (the minimum is 72 in datagram mode)',
      "ipoib up [options] [IF...]",
    ],
    [
      "up a/b",
      "Argument IF 'a/b' is invalid: it must be an interface name of 1 to 15 bytes without slash, colon or white space, not . or ..",
      "ipoib up [options] [IF...]",
    ],
    [
      "child create 0x8000",
      "Argument PKEY '0x8000' is invalid: it must be a P_Key from 0x0001 to 0xffff, not 0x8000",
      "ipoib child create [options] PKEY [dev IF]",
    ],
    [
      "child create",
      "Missing required argument 'PKEY'",
      "ipoib child create [options] PKEY [dev IF]",
    ],
    [
      "link set ib0",
      "No change given (expected up, down, mtu, mode, umcast, name, alias, txqueuelen, group, netns, address, addrgenmode, arp, multicast, allmulticast, promisc, dynamic, type)",
      "ipoib link set [options] [dev] [IF] [up|down] [ATTRIBUTE VALUE]...",
    ],
    [
      "link add name kid type ipoib",
      'Argument "link" is missing (link IF selects the parent interface)',
      "ipoib link add [options] link IF name NAME type ipoib [pkey P_KEY] [mode M] [umcast 0|1]",
    ],
    [
      "link del kid kid2",
      "Exactly one interface name is required",
      "ipoib link del [options] [dev] NAME [type ipoib]",
    ],
    [
      "set ib0",
      "An attribute name and a value are required",
      "ipoib set [options] [[dev] IF] FILE VALUE",
    ],
    [
      "ethtool -c -i ib0",
      "More than one option given (ethtool takes one)",
      "ipoib ethtool [options] [IF] [PARAMETER VALUE]...",
    ],
    [
      "link show a/b",
      'Interface name "a/b" is not valid (an interface name of 1 to 15 bytes without slash, colon or white space, not . or ..)',
      "ipoib link show [options] [IF]",
    ],
    [
      "link show -n",
      "Option '-n, --netns <NS>' argument missing",
      "ipoib link show [options] [IF]",
    ],
  ];
  for (const [line, reason, usage] of cases) {
    assertEquals(await cli.run(line), {
      code: 1,
      out: "",
      err: `ipoib: ${reason}\nusage: ${usage}\n`,
    }, line);
  }
  for (
    const line of [
      "link set ib0 mtu",
      "link set ib0 mtu x",
      "link set ib0 mtu 70000",
      "link set ib0 mode fast",
      "link set ib0 umcast 2",
      "link set ib0 sideways",
      "link set ib0 name a/b",
      "link set ib0 txqueuelen -1",
      "link set ib0 group rails",
      "link set ib0 arp yes",
      "link set ib0 addrgenmode any",
      "link set ib0 type vlan",
      "link add",
      "link add link ib0 name kid",
      "link add link ib0 type ipoib",
      "link add link ib0 name kid type vlan",
      "link add link ib0 name a/b type ipoib",
      "link add link ib0 name kid pkey 1 type ipoib",
      "link add link ib0 name kid type ipoib pkey 0x10000",
      "link add link ib0 name kid type ipoib mode fast",
      "link add link ib0 name kid type ipoib umcast yes",
      "link add link ib0 name kid type",
      "set ib0 umcast 1 2",
      "link set dev",
      "link set dev ib0 up dev ib1",
      "link set ib0",
      "up --guid 0",
      "up --guid xyz",
      "up --hca a:b",
      "up --subnet-mtu 1024",
      "up --pkey-index -1",
      "up --mode fast",
      "up --log loud",
      "child create 0",
      "child create 0x10000",
      "child create eight",
      "child create 0x8001 ib0",
      "child create 0x8001 dev",
      "subnet run a/b",
      "subnet show ..",
      "subnet reload ..",
      "subnet fault shwo",
      "subnet fault lab drop 1",
      "subnet fault set drop",
      "subnet fault set drop 101",
      "get a b c",
      "get dev a b c",
    ]
  ) {
    const { code, out, err } = await cli.run(line);
    assertEquals([code, out], [1, ""], line);
    assertEquals(err.split("\n").length, 3, err);
    assert(/^ipoib: [A-Z].*\nusage: ipoib .*\n$/.test(err), err);
  }
});

Deno.test("an interface that is not running causes exit code 3, with a hint", async () => {
  await using cli = new CliFixture();
  assertEquals(await cli.run("link show"), {
    code: 3,
    out: "",
    err:
      "ipoib: No interface is running in this network namespace (start one with ipoib up ib0)\n",
  });
  for (
    const words of [
      "link show",
      "neigh show",
      "neigh flush",
      "path show",
      "mcg show",
      "down",
    ]
  ) {
    assertEquals(await cli.run(`${words} ib5`), {
      code: 3,
      out: "",
      err: "ipoib: ib5 is not running (start it with ipoib up ib5)\n",
    }, words);
  }
  await cli.daemon("ib0");
  assertEquals(await cli.run("get ib5 mode"), {
    code: 3,
    out: "",
    err: "ipoib: ib5 is not running (running here: ib0)\n",
  });
});

Deno.test("an ambiguous default interface causes exit code 1, with the list of interfaces", async () => {
  await using cli = new CliFixture();
  await cli.daemon("ib0", { children: ["ib0.8001"] });
  await cli.daemon("ib1");
  await cli.deadSocket("ib2");
  for (
    const line of [
      "neigh flush",
      "child create 0x8001",
      "debug mcg",
      "ethtool -G rx 1024",
      "link set up",
      "down",
      "get mode",
    ]
  ) {
    assertEquals(await cli.run(line), {
      code: 1,
      out: "",
      err:
        "ipoib: Several interfaces are running: ib0, ib1 (name one of them)\n",
    }, line);
  }
  assertEquals((await cli.run("link show ib1")).code, 0);
  assertEquals((await cli.run("link show ib2")).code, 3);
});

Deno.test("option -n selects the interfaces of a network namespace", async () => {
  await using cli = new CliFixture();
  const here = await cli.daemon("ib0");
  const blue = await cli.daemon("ib0", { netns: "blue" });
  assertEquals((await cli.run("neigh show")).code, 0);
  assertEquals([here.length, blue.length], [1, 0]);
  assertEquals((await cli.run("-n blue neigh show")).code, 0);
  assertEquals((await cli.run("neigh show ib0 --netns blue")).code, 0);
  assertEquals([here.length, blue.length], [1, 2]);
  assertEquals(await cli.run("-n red neigh show"), {
    code: 2,
    out: "",
    err: 'ipoib: Cannot open network namespace "red"\n',
  });
});

Deno.test("run() does not throw for any arguments", async () => {
  await using cli = new CliFixture();
  const word = fc.oneof(
    fc.constantFrom(
      "link",
      "show",
      "set",
      "up",
      "down",
      "child",
      "create",
      "get",
      "subnet",
      "run",
      "neigh",
      "flush",
      "help",
      "-j",
      "-n",
      "--mtu",
      "--help",
      "--",
      "-",
      "ib0",
      "0x8001",
    ),
    fc.string(),
  );
  const codes: number[] = [
    ...Object.values(Exit),
    ...Object.values(EthtoolExit),
  ];
  await fc.assert(
    fc.asyncProperty(fc.array(word, { maxLength: 6 }), async (words) => {
      const { code, out, err } = await cli.run(words);
      assert(codes.includes(code), `exit code ${code}`);
      // Two commands print why they fail to standard output.
      const printed = words.some((word) => /^(cn|doc)/.test(word));
      // The messages of the command ethtool are those of ethtool.
      if (code !== 0 && !printed) {
        assert(/^(ipoib|ethtool|netlink error|Cannot|Could)/.test(err), err);
        assertEquals(out, "");
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("the lines of all helps, except those of the usage, have at most 80 columns", async () => {
  await using cli = new CliFixture();
  const paths = (command: CommandUnknownOpts): string[][] => [
    [],
    ...command.commands.flatMap((each) =>
      paths(each).map((path) => [each.name(), ...path])
    ),
  ];
  for (const path of paths(await programOf(cli))) {
    const { code, out } = await cli.run([...path, "--help"]);
    assertEquals(code, 0);
    const long = out.split("\n").filter((line) =>
      line.length > 80 && !line.startsWith("Usage: ")
    );
    assertEquals(long, [], path.join(" "));
  }
});
