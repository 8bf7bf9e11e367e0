/** `ipoib set [IF] FILE VALUE`. Equivalent to: `echo VALUE > /sys/class/net/IF/FILE`. */

import { Command } from "@commander-js/extra-typings";
import { type Cli, netnsOf } from "../cli.ts";
import { usageError } from "../errors.ts";
import { addNetns } from "../options.ts";
import { openInterface } from "../session.ts";

export function set(cli: Cli) {
  const command = new Command("set")
    .description("write a sysfs file of an interface: create_child, mtu, ...")
    .usage("[options] [IF] FILE VALUE")
    .argument("<WORD...>", "interface (default: the only one), file, value")
    .action(async (words, _options, self) => {
      const [name, file, value] = words.length === 2
        ? [undefined, ...words]
        : words;
      if (file === undefined || value === undefined || words.length > 3) {
        throw usageError("A file and a value are needed");
      }
      const target = await openInterface(cli.environment, netnsOf(self), name);
      using client = target.client;
      await client.call("set", { name: target.name, file, value });
    });
  addNetns(command);
  return command;
}
