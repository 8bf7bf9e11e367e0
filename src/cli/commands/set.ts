/** `ipoib set [IF] FILE VALUE`. Equivalent to: `echo VALUE > /sys/class/net/IF/FILE`. */

import { Command } from "@commander-js/extra-typings";
import type { Cli } from "../cli.ts";
import { usageError } from "../errors.ts";

export function set(cli: Cli) {
  return new Command("set")
    .description(
      "set a sysfs attribute of an interface: create_child, mtu, ...",
    )
    .usage("[options] [[dev] IF] FILE VALUE")
    .argument(
      "<WORD...>",
      "interface (default: the only one), attribute name, value",
    )
    .action(async (given, _options, self) => {
      const words = given[0] === "dev" && given.length === 4
        ? given.slice(1)
        : given;
      const [name, file, value] = words.length === 2
        ? [undefined, ...words]
        : words;
      if (file === undefined || value === undefined || words.length > 3) {
        throw usageError("An attribute name and a value are required");
      }
      using target = await cli.open(self, name);
      await target.client.call("set", { name: target.name, file, value });
    });
}
