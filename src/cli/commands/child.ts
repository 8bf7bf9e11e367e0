/**
 * `ipoib child create|delete PKEY [--parent IF]` and `ipoib child list`: interfaces on other partitions.
 *
 * Equivalent to: `echo PKEY > /sys/class/net/IF/create_child` and `delete_child`.
 */

import { Command } from "@commander-js/extra-typings";
import { type Cli, netnsOf, prints } from "../cli.ts";
import { addNetns, childPkey } from "../options.ts";
import { renderChildren } from "../render/tables.ts";
import { openInterface } from "../session.ts";

const PARENT = [
  "--parent <IF>",
  "default: the only one that runs here",
] as const;

export function childCreate(cli: Cli) {
  return prints(
    new Command("create")
      .description("make a child interface and print its name")
      .argument("<PKEY>", "P_Key, such as 0x8001", childPkey)
      .option(...PARENT)
      .action(async (pkey, { parent }, self) => {
        const target = await openInterface(
          cli.environment,
          netnsOf(self),
          parent,
        );
        using client = target.client;
        const child = await client.call("child.create", {
          parent: target.name,
          pkey,
        });
        cli.print(self, [child], () => `${child.ifname}\n`);
      }),
  );
}

export function childDelete(cli: Cli) {
  const command = new Command("delete").alias("del")
    .description("take a child interface away")
    .argument("<PKEY>", "P_Key, as it was given to create", childPkey)
    .option(...PARENT)
    .action(async (pkey, { parent }, self) => {
      const target = await openInterface(
        cli.environment,
        netnsOf(self),
        parent,
      );
      using client = target.client;
      await client.call("child.delete", { parent: target.name, pkey });
    });
  addNetns(command);
  return command;
}

export function childList(cli: Cli) {
  return prints(
    new Command("list").aliases(["show", "ls"])
      .description("list the children of an interface")
      .option(...PARENT)
      .action(async ({ parent }, self) => {
        const target = await openInterface(
          cli.environment,
          netnsOf(self),
          parent,
        );
        using client = target.client;
        const children = await client.call("child.list", {
          parent: target.name,
        });
        cli.print(self, children, renderChildren);
      }),
  );
}
