/** The tree of commands. */

import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { VARIABLES } from "../base/variables.ts";
import { VERSION } from "../ipc/version.ts";
import type { Cli } from "./cli.ts";
import { childCreate, childDelete, childList } from "./commands/child.ts";
import { down } from "./commands/down.ts";
import { ethtool } from "./commands/ethtool.ts";
import { get } from "./commands/get.ts";
import { linkAdd, linkDel } from "./commands/link_add.ts";
import { linkSet } from "./commands/link_set.ts";
import { linkShow } from "./commands/link_show.ts";
import { mcgShow } from "./commands/mcg_show.ts";
import { neighAdd, neighDel } from "./commands/neigh_change.ts";
import { neighFlush } from "./commands/neigh_flush.ts";
import { neighShow } from "./commands/neigh_show.ts";
import { pathShow } from "./commands/path_show.ts";
import { set } from "./commands/set.ts";
import { subnetReload, subnetRun, subnetShow } from "./commands/subnet.ts";
import { subnetFault } from "./commands/subnet_fault.ts";
import { up } from "./commands/up.ts";
import { addGlobals } from "./options.ts";

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
  const add = (command: CommandUnknownOpts) =>
    program.addCommand(command as Command);
  const group = (
    name: string,
    description: string,
    commands: CommandUnknownOpts[],
  ) => {
    const parent = new Command(name).description(description)
      .usage("COMMAND").helpCommand(false);
    addGlobals(parent, true);
    for (const command of commands) parent.addCommand(command as Command);
    add(parent);
  };
  add(up(cli));
  add(down(cli));
  group("link", "interfaces", [
    linkShow(cli),
    linkSet(cli),
    linkAdd(cli),
    linkDel(cli),
  ]);
  group("child", "interfaces on other partitions", [
    childCreate(cli),
    childDelete(cli),
    childList(cli),
  ]);
  group("neigh", "neighbours", [
    neighShow(cli),
    neighFlush(cli),
    neighAdd(cli),
    neighDel(cli),
  ]);
  group("path", "paths through the subnet", [pathShow(cli)]);
  group("mcg", "multicast groups", [mcgShow(cli)]);
  add(get(cli));
  add(set(cli));
  add(ethtool(cli));
  group("subnet", "the embedded subnet", [
    subnetShow(cli),
    subnetRun(cli),
    subnetReload(cli),
    subnetFault(cli),
  ]);
  return program;
}
