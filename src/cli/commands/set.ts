/** `ipoib set [IF] FILE VALUE`. Equivalent to: `echo VALUE > /sys/class/net/IF/FILE`. */

import { Command } from "@commander-js/extra-typings";
import { SYSFS_FILES } from "../../ipc/schema.ts";
import type { Cli } from "../cli.ts";
import { NONE, type Source, words } from "../completion/candidates.ts";
import { completeOperands, settings } from "../completion/grammar.ts";
import { CHILD_PKEYS, PKEYS } from "../completion/live.ts";
import { usageError } from "../errors.ts";

/** Values of files, for completion. */
const VALUES: Readonly<Record<string, Source>> = {
  mode: words("datagram", "connected"),
  umcast: words("0", "1"),
  "create_child": PKEYS,
  "delete_child": CHILD_PKEYS,
};

export function set(cli: Cli) {
  const command = new Command("set")
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
  const operands = settings(SYSFS_FILES, (file) => VALUES[file] ?? NONE);
  return completeOperands(command, operands);
}
