/** The command tree, built from the table {@linkcode COMMANDS}. */

import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { VERSION } from "../ipc/version.ts";
import type { Cli } from "./cli.ts";
import { addrShow } from "./commands/addr_show.ts";
import { linkShow } from "./commands/link_show.ts";
import { maddrShow } from "./commands/maddr_show.ts";
import { mcgShow } from "./commands/mcg_show.ts";
import { neighShow } from "./commands/neigh_show.ts";
import { pathShow } from "./commands/path_show.ts";
import { commandOfIp } from "./iproute2.ts";
import { addGlobals } from "./options.ts";
import type { OTHER_COMMANDS } from "./other_commands.ts";
import { definitions, textOf, TOPICS } from "./topics.ts";

type MakeCommand = (
  cli: Cli,
) => CommandUnknownOpts | Promise<CommandUnknownOpts>;

/** The commands on one object by name: `ipoib OBJECT COMMAND`. */
interface Group {
  readonly description: string;
  readonly commands: Readonly<Record<string, MakeCommand>>;
}

/** Returns a function that loads the other commands, and makes this one. */
function later(name: keyof typeof OTHER_COMMANDS): MakeCommand {
  return async (cli) => {
    const others = await import("./other_commands.ts");
    return others.OTHER_COMMANDS[name](cli);
  };
}

/** All commands and objects by name, in the order of the help text. */
const COMMANDS: Readonly<Record<string, MakeCommand | Group>> = {
  up: later("up"),
  down: later("down"),
  upgrade: later("upgrade"),
  showconf: later("showconf"),
  "check-config": later("check-config"),
  link: {
    description: "manage interfaces",
    commands: {
      show: linkShow,
      set: later("link set"),
      add: later("link add"),
      del: later("link del"),
    },
  },
  addr: {
    description: "show interfaces and their IP addresses",
    commands: { show: addrShow },
  },
  child: {
    description: "manage child interfaces on other partitions",
    commands: {
      create: later("child create"),
      delete: later("child delete"),
      list: later("child list"),
    },
  },
  neigh: {
    description: "manage neighbours and their link-layer addresses",
    commands: {
      show: neighShow,
      flush: later("neigh flush"),
      add: later("neigh add"),
      change: later("neigh change"),
      replace: later("neigh replace"),
      del: later("neigh del"),
    },
  },
  path: {
    description: "show paths to other ports",
    commands: { show: pathShow },
  },
  maddr: {
    description: "show IP multicast memberships",
    commands: { show: maddrShow },
  },
  mcg: { description: "show multicast groups", commands: { show: mcgShow } },
  debug: {
    description: "show tables in the layout of the driver's debugfs files",
    commands: { mcg: later("debug mcg"), path: later("debug path") },
  },
  param: later("param"),
  get: later("get"),
  set: later("set"),
  ethtool: later("ethtool"),
  monitor: later("monitor"),
  events: later("events"),
  doctor: later("doctor"),
  capture: later("capture"),
  extcap: later("extcap"),
  top: later("top"),
  metrics: later("metrics"),
  subnet: {
    description: "manage the embedded subnet",
    commands: {
      show: later("subnet show"),
      run: later("subnet run"),
      reload: later("subnet reload"),
      fault: later("subnet fault"),
      monitor: later("subnet monitor"),
      events: later("subnet events"),
    },
  },
  cni: later("cni"),
  version: later("version"),
  completions: later("completions"),
};

/** The end of the help of the program. */
function afterHelp(): string {
  const summaries = TOPICS.map(({ name, summary }) => [name, summary]);
  return `
Environment:
${textOf("environment")}
Exit codes:
${textOf("exit-status")}
Topics (ipoib help TOPIC):
${definitions(Object.fromEntries(summaries))}`;
}

/** True if the program has a command or an object of this name, or of one that begins with `word`. */
export function isCommand(word: string): boolean {
  return Object.keys(COMMANDS).some((name) => name.startsWith(word));
}

/** Builds the program with the options of all commands, and without commands. */
export function bareProgram(): CommandUnknownOpts {
  const program: CommandUnknownOpts = new Command("ipoib")
    .description("IP over InfiniBand in user space (RFC 4391)")
    .usage("[options] COMMAND")
    .version(`ipoib ${VERSION}`, "-V, --version", "print the version")
    .helpCommand("help [COMMAND|TOPIC]", "print help for a command or a topic")
    .addHelpText("after", afterHelp);
  addGlobals(program);
  return program;
}

/**
 * Builds commands and adds them to the program, which it returns. Their actions use `cli`.
 *
 * @param words if given, the words of the command line from the command on: only what they may name is built
 */
export async function addCommands(
  program: CommandUnknownOpts,
  cli: Cli,
  words?: readonly string[],
): Promise<CommandUnknownOpts> {
  for (const [name, each] of named(COMMANDS, words?.slice(0, 1))) {
    const command = typeof each === "function"
      ? each(cli)
      : group(cli, name, each, words?.slice(1));
    add(program, await command);
  }
  return program;
}

/** Returns the entries of a table that the words may name, also as words of `ip`; all if there is none. */
function named<T>(
  table: Readonly<Record<string, T>>,
  words: readonly string[] = [],
  object?: string,
): Array<[string, T]> {
  const all = Object.entries(table);
  const some = all.filter(([name]) =>
    words.some((word) =>
      name.startsWith(word) || commandOfIp(word, object) === name
    )
  );
  return some.length > 0 ? some : all;
}

async function group(
  cli: Cli,
  name: string,
  { description, commands }: Group,
  words: readonly string[] | undefined,
): Promise<CommandUnknownOpts> {
  const parent = new Command(name).description(description)
    .usage("COMMAND").helpCommand(false);
  // An object without a command is shown.
  const makers = named(commands, words && ["show", ...words], name);
  for (const [, make] of makers) add(parent, await make(cli));
  return parent;
}

function add(parent: CommandUnknownOpts, command: CommandUnknownOpts): void {
  parent.addCommand(command as Command);
}
