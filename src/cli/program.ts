/** The command tree, built from the list {@linkcode COMMANDS}. */

import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { VERSION } from "../ipc/version.ts";
import type { Cli } from "./cli.ts";
import { addrShow } from "./commands/addr_show.ts";
import { capture } from "./commands/capture.ts";
import { checkConfig } from "./commands/check_config.ts";
import { cni } from "./commands/cni.ts";
import { childCreate } from "./commands/child_create.ts";
import { childDelete } from "./commands/child_delete.ts";
import { childList } from "./commands/child_list.ts";
import { completions } from "./commands/completions.ts";
import { debugMcg } from "./commands/debug_mcg.ts";
import { debugPath } from "./commands/debug_path.ts";
import { doctor } from "./commands/doctor.ts";
import { down } from "./commands/down.ts";
import { ethtool } from "./commands/ethtool.ts";
import { events } from "./commands/events.ts";
import { extcap } from "./commands/extcap.ts";
import { get } from "./commands/get.ts";
import { linkAdd } from "./commands/link_add.ts";
import { linkDel } from "./commands/link_del.ts";
import { linkSet } from "./commands/link_set.ts";
import { linkShow } from "./commands/link_show.ts";
import { maddrShow } from "./commands/maddr_show.ts";
import { mcgShow } from "./commands/mcg_show.ts";
import { monitor } from "./commands/monitor.ts";
import { metrics } from "./commands/metrics.ts";
import { neighAdd, neighChange, neighReplace } from "./commands/neigh_add.ts";
import { neighDel } from "./commands/neigh_del.ts";
import { neighFlush } from "./commands/neigh_flush.ts";
import { neighShow } from "./commands/neigh_show.ts";
import { pathShow } from "./commands/path_show.ts";
import { param } from "./commands/param.ts";
import { set } from "./commands/set.ts";
import { showconf } from "./commands/showconf.ts";
import { subnetEvents } from "./commands/subnet_events.ts";
import { subnetFault } from "./commands/subnet_fault.ts";
import { subnetMonitor } from "./commands/subnet_monitor.ts";
import { subnetReload } from "./commands/subnet_reload.ts";
import { subnetRun } from "./commands/subnet_run.ts";
import { subnetShow } from "./commands/subnet_show.ts";
import { top } from "./commands/top.ts";
import { up } from "./commands/up.ts";
import { upgrade } from "./commands/upgrade.ts";
import { version } from "./commands/version.ts";
import { commandOfIp } from "./iproute2.ts";
import { addGlobals } from "./options.ts";
import { definitions, textOf, TOPICS } from "./topics.ts";

type MakeCommand = (cli: Cli) => CommandUnknownOpts;

/** The commands on one object: `ipoib OBJECT COMMAND`. */
interface Group {
  readonly description: string;
  readonly commands: readonly MakeCommand[];
}

/** All commands and objects by name, in the order of the help text. */
const COMMANDS: Readonly<Record<string, MakeCommand | Group>> = {
  up,
  down,
  upgrade,
  showconf,
  "check-config": checkConfig,
  link: {
    description: "manage interfaces",
    commands: [linkShow, linkSet, linkAdd, linkDel],
  },
  addr: {
    description: "show interfaces and their IP addresses",
    commands: [addrShow],
  },
  child: {
    description: "manage child interfaces on other partitions",
    commands: [childCreate, childDelete, childList],
  },
  neigh: {
    description: "manage neighbours and their link-layer addresses",
    commands: [
      ...[neighShow, neighFlush, neighAdd],
      ...[neighChange, neighReplace, neighDel],
    ],
  },
  path: { description: "show paths to other ports", commands: [pathShow] },
  maddr: {
    description: "show IP multicast memberships",
    commands: [maddrShow],
  },
  mcg: { description: "show multicast groups", commands: [mcgShow] },
  debug: {
    description: "show tables in the layout of the driver's debugfs files",
    commands: [debugMcg, debugPath],
  },
  param,
  get,
  set,
  ethtool,
  monitor,
  events,
  doctor,
  capture,
  extcap,
  top,
  metrics,
  subnet: {
    description: "manage the embedded subnet",
    commands: [
      ...[subnetShow, subnetRun, subnetReload, subnetFault],
      ...[subnetMonitor, subnetEvents],
    ],
  },
  cni,
  version,
  completions,
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

/**
 * Builds the command tree. The actions use `cli`.
 *
 * @param words if given, only the commands and objects that one of these words may stand for are built, which takes a
 * quarter of the time; all if there is none
 */
export function buildProgram(
  cli: Cli,
  words: readonly string[] = [],
): CommandUnknownOpts {
  const program: CommandUnknownOpts = new Command("ipoib")
    .description("IP over InfiniBand in user space (RFC 4391)")
    .usage("[options] COMMAND")
    .version(`ipoib ${VERSION}`, "-V, --version", "print the version")
    .helpCommand("help [COMMAND|TOPIC]", "print help for a command or a topic")
    .addHelpText("after", afterHelp);
  addGlobals(program);
  const all = Object.entries(COMMANDS);
  const named = all.filter(([name]) => words.some((word) => means(word, name)));
  for (const [name, each] of named.length > 0 ? named : all) {
    add(
      program,
      typeof each === "function" ? each(cli) : group(cli, name, each),
    );
  }
  return program;
}

function means(word: string, name: string): boolean {
  return name.startsWith(word) || commandOfIp(word) === name;
}

function group(
  cli: Cli,
  name: string,
  { description, commands }: Group,
): CommandUnknownOpts {
  const parent = new Command(name).description(description)
    .usage("COMMAND").helpCommand(false);
  for (const make of commands) add(parent, make(cli));
  return parent;
}

function add(parent: CommandUnknownOpts, command: CommandUnknownOpts): void {
  parent.addCommand(command as Command);
}
