import { assertEquals, assertThrows } from "@std/assert";
import { Cli } from "../../src/cli/cli.ts";
import { addCommands, bareProgram } from "../../src/cli/program.ts";
import { translate } from "../../src/cli/translate.ts";
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { CliFixture } from "./support.ts";

/** Returns the translation of a command line, as text. */
async function translated(line: string): Promise<string> {
  await using cli = new CliFixture();
  const environment = cli.environment({ code: 0, out: "", err: "" });
  const program = await addCommands(bareProgram(), new Cli(environment));
  prepare(program);
  return translate(line.split(" "), program).join(" ");
}

/** Makes commands throw instead of exiting. */
function prepare(command: CommandUnknownOpts): void {
  command.exitOverride().configureOutput({ writeErr: () => {} });
  command.commands.forEach(prepare);
}

async function assertTranslated(cases: Record<string, string>): Promise<void> {
  for (const [line, expected] of Object.entries(cases)) {
    assertEquals(await translated(line), expected, line);
  }
}

Deno.test("objects and commands are abbreviated as in ip, in the order of its tables", async () => {
  await assertTranslated({
    "l sh": "link show",
    "l s ib0 up": "link set ib0 up",
    "li l": "link show",
    "link ls": "link show",
    "l a": "link add",
    "l c ib0 down": "link set ib0 down",
    "l d kid": "link del kid",
    "link delete kid": "link del kid",
    "n s": "neigh show",
    "neighbour lst": "neigh show",
    "neighbor f ib0": "neigh flush ib0",
    "n a 10.0.0.2 lladdr 80:00": "neigh add 10.0.0.2 lladdr 80:00",
    "n replace 10.0.0.2": "neigh replace 10.0.0.2",
    "n c 10.0.0.2": "neigh change 10.0.0.2",
    "n del 10.0.0.2": "neigh del 10.0.0.2",
    "m": "maddr show",
    "maddress l": "maddr show",
    "h l s": "link set --help",
  });
});

Deno.test("other objects and commands are abbreviated to a unique prefix", async () => {
  await assertTranslated({
    "mc": "mcg show",
    "pat": "path show",
    "ch c 0x8001": "child create 0x8001",
    "c d 1": "child delete 1",
    "c s": "child list",
    "de m ib0": "debug mcg ib0",
    "par": "param",
    "g mode": "get mode",
    "e -k ib0": "ethtool -k ib0",
    "su f": "subnet fault",
    "do ib0": "down ib0",
  });
});

Deno.test("later commands have the abbreviations that begin none of the first ones", async () => {
  await assertTranslated({
    "u ib0": "up ib0",
    "upg ib0": "upgrade ib0",
    "doc ib0": "doctor ib0",
    "ca ib0": "capture ib0",
    "che ib0.conf": "check-config ib0.conf",
    "cn": "cni",
    "co bash": "completions bash",
    "ev ib0": "events ib0",
    "ex": "extcap",
    "mo ib0": "monitor ib0",
    "me ib0": "metrics ib0",
    "sh ib0": "showconf ib0",
    "t ib0": "top ib0",
    "v": "version",
    "su m": "subnet monitor",
  });
});

Deno.test("an ambiguous abbreviation is refused, with the candidates", async () => {
  await using cli = new CliFixture();
  const cases: Array<[string, string, string]> = [
    ["s", "'s' (set, subnet)", "ipoib [options] COMMAND"],
    ["-j p", "'p' (path, param)", "ipoib [options] COMMAND"],
    ["d ib0", "'d' (down, debug)", "ipoib [options] COMMAND"],
    ["subnet r", "'r' (run, reload)", "ipoib subnet COMMAND"],
  ];
  for (const [line, what, usage] of cases) {
    assertEquals(await cli.run(line), {
      code: 1,
      out: "",
      err: `ipoib: Ambiguous command ${what}\nusage: ${usage}\n`,
    }, line);
  }
});

Deno.test("the value of an option of the command itself may be joined to it", async () => {
  await assertTranslated({
    "capture ib0 -s0 -c4": "capture ib0 -s0 -c4",
    "ca ib0 -s64 -c40 -C6 -n blue": "--netns=blue capture ib0 -s64 -c40 -C6",
    "top -n4 -b": "top -n4 -b",
    // A command without such options has the letters of ip.
    "link show ib0 -d4": "--details --family=inet link show ib0",
    "capture ib0 -d4": "--details --family=inet capture ib0",
  });
});

Deno.test("an object without a command is shown", async () => {
  await assertTranslated({
    "link": "link show",
    "-d l": "--details link show",
    "n -s": "--stats neigh show",
    "child": "child list",
    "subnet": "subnet show",
    "debug": "debug",
    "link shwo": "link shwo",
    "": "",
  });
});

Deno.test("help is a command of every object and command", async () => {
  await assertTranslated({
    "help": "--help",
    "link help": "link --help",
    "l h": "link --help",
    "path h": "path --help",
    "link show help": "link show --help",
    "help link show": "link show --help",
    "l -h sh": "link show --help",
    "link show -help": "link show --help",
    "up help": "up --help",
    "link show ib0 help": "link show ib0 help",
    "neigh flush --to help": "neigh flush --to help",
  });
});

Deno.test("dev may precede the interface of every command", async () => {
  await assertTranslated({
    "link show dev ib0": "link show ib0",
    "n f dev ib0 to 10.0.0.2": "neigh flush dev ib0 to 10.0.0.2",
    "down dev ib0": "down ib0",
    // An interface with this name.
    "link show dev": "link show dev",
    // Commands that parse the word themselves.
    "link set dev ib0 up": "link set dev ib0 up",
    "param dev ib0": "param dev ib0",
    "n s dev dev": "neigh show dev dev",
    "get dev ib0 mode": "get dev ib0 mode",
  });
});

Deno.test("options are moved to the front under their full names", async () => {
  await assertTranslated({
    "-j l": "--json link show",
    "link show -json": "--json link show",
    "l sh --js ib0": "--json link show ib0",
    "-jp l": "--json --pretty link show",
    "-so l": "--stats --oneline link show",
    "-dn blue l": "--details --netns=blue link show",
    "l -netns blue": "--netns=blue link show",
    "-n blue l --netns=red": "--netns=blue --netns=red link show",
    "-stat -det -one l": "--stats --details --oneline link show",
    "-hu l": "--human link show",
    "-H l": "--human link show",
    "-Version": "--version",
    "--version": "--version",
  });
});

Deno.test("an option of the command itself precedes those of ip", async () => {
  await assertTranslated({
    "-s ethtool -c ib0": "--stats ethtool -c ib0",
    "ethtool -a -json ib0": "--json ethtool -a ib0",
    "ethtool --statistics ib0": "ethtool --statistics ib0",
    "up --mtu 1500 --log debug -n blue":
      "--netns=blue up --mtu 1500 --log debug",
    "up --mtu=1500": "up --mtu=1500",
    "up --user -j": "up --user -j",
    "subnet --dot": "subnet show --dot",
    "link show --frob": "link show --frob",
  });
});

Deno.test("words after -- are no options", async () => {
  await assertTranslated({
    "link set ib0 alias -- -d": "link set ib0 alias -- -d",
    "-j -- link show -d": "--json link show -- -d",
  });
});

Deno.test("an option of ip that this program does not have is refused", async () => {
  for (const option of ["-b", "-batch", "-iec", "-r", "-M", "-rcvbuf"]) {
    await assertRefused(`${option} link`, "of ip is not supported");
  }
  await assertRefused("link -n", "option '-n, --netns <NS>' argument missing");
});

async function assertRefused(line: string, message: string): Promise<void> {
  let refusal: unknown;
  await translated(line).catch((error) => refusal = error);
  assertThrows(
    () => {
      if (refusal !== undefined) throw refusal;
    },
    Error,
    message,
  );
}

Deno.test("the last of repeated options applies, wherever they stand", async () => {
  await using cli = new CliFixture();
  const here = await cli.daemon("ib0");
  const blue = await cli.daemon("ib0", { netns: "blue" });
  assertEquals((await cli.run("-n red neigh show -n blue")).code, 0);
  assertEquals((await cli.run("-n red -n blue neigh")).code, 0);
  assertEquals([here.length, blue.length], [0, 2]);
  await cli.run("up --mtu 1500 --mtu 1600");
  assertEquals(cli.ups[0]?.mtu, 1600);
});
