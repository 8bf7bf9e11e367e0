/** The tree of commands: the list in which each is registered. */

import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { VARIABLES } from "../base/variables.ts";
import { VERSION } from "../ipc/version.ts";
import type { Cli } from "./cli.ts";
import { childCreate } from "./commands/child_create.ts";
import { childDelete } from "./commands/child_delete.ts";
import { childList } from "./commands/child_list.ts";
import { down } from "./commands/down.ts";
import { ethtool } from "./commands/ethtool.ts";
import { get } from "./commands/get.ts";
import { linkAdd } from "./commands/link_add.ts";
import { linkDel } from "./commands/link_del.ts";
import { linkSet } from "./commands/link_set.ts";
import { linkShow } from "./commands/link_show.ts";
import { mcgShow } from "./commands/mcg_show.ts";
import { neighAdd } from "./commands/neigh_add.ts";
import { neighDel } from "./commands/neigh_del.ts";
import { neighFlush } from "./commands/neigh_flush.ts";
import { neighShow } from "./commands/neigh_show.ts";
import { pathShow } from "./commands/path_show.ts";
import { set } from "./commands/set.ts";
import { subnetFault } from "./commands/subnet_fault.ts";
import { subnetReload } from "./commands/subnet_reload.ts";
import { subnetRun } from "./commands/subnet_run.ts";
import { subnetShow } from "./commands/subnet_show.ts";
import { up } from "./commands/up.ts";
import { addGlobals } from "./options.ts";

type MakeCommand = (cli: Cli) => CommandUnknownOpts;

/** Commands on one object: `ipoib NAME COMMAND`. */
interface Group {
  readonly name: string;
  readonly description: string;
  readonly commands: readonly MakeCommand[];
}

/** In the order of the help. */
const COMMANDS: readonly (MakeCommand | Group)[] = [
  up,
  down,
  {
    name: "link",
    description: "interfaces",
    commands: [linkShow, linkSet, linkAdd, linkDel],
  },
  {
    name: "child",
    description: "interfaces on other partitions",
    commands: [childCreate, childDelete, childList],
  },
  {
    name: "neigh",
    description: "neighbours",
    commands: [neighShow, neighFlush, neighAdd, neighDel],
  },
  {
    name: "path",
    description: "paths through the subnet",
    commands: [pathShow],
  },
  { name: "mcg", description: "multicast groups", commands: [mcgShow] },
  get,
  set,
  ethtool,
  {
    name: "subnet",
    description: "the embedded subnet",
    commands: [subnetShow, subnetRun, subnetReload, subnetFault],
  },
];

const AFTER = `
Environment:
${variables()}

Exit codes: 0 done, 1 wrong arguments, 2 refused, 3 not running.
Without an interface, a command means the only one that runs in the namespace.`;

function variables(): string {
  return Object.entries(VARIABLES).map(([name, text]) =>
    `  ${name.padEnd(18)} ${text}`
  ).join("\n");
}

export function buildProgram(cli: Cli): CommandUnknownOpts {
  const program: CommandUnknownOpts = new Command("ipoib")
    .description("IP over InfiniBand in user space (RFC 4391)")
    .usage("[options] COMMAND")
    .version(`ipoib ${VERSION}`, "-V, --version", "print the version")
    .helpCommand("help [COMMAND]", "print help of a command")
    .addHelpText("after", AFTER);
  addGlobals(program);
  for (const each of COMMANDS) {
    add(program, typeof each === "function" ? each(cli) : group(cli, each));
  }
  return program;
}

function group(
  cli: Cli,
  { name, description, commands }: Group,
): CommandUnknownOpts {
  const parent = new Command(name).description(description)
    .usage("COMMAND").helpCommand(false);
  addGlobals(parent, true);
  for (const make of commands) add(parent, make(cli));
  return parent;
}

function add(parent: CommandUnknownOpts, command: CommandUnknownOpts): void {
  parent.addCommand(command as Command);
}
