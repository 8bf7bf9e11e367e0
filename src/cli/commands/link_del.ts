/** `ipoib link del [dev] NAME`. Equivalent to: `ip link del`, of a child. */

import { Command } from "@commander-js/extra-typings";
import type { Cli } from "../cli.ts";
import { usageError } from "../errors.ts";
import { addNetns } from "../options.ts";

export function linkDel(cli: Cli) {
  return addNetns(
    new Command("del").aliases(["delete"])
      .description("take a child away")
      .usage("[options] [dev] NAME")
      .argument("<WORD...>", "interface")
      .action(async (words, _options, self) => {
        const names = words[0] === "dev" ? words.slice(1) : words;
        const [name] = names;
        if (name === undefined || names.length > 1) {
          throw usageError("One interface is needed");
        }
        using target = await cli.open(self, name);
        const { deleted } = await target.client.call("link.del", { name });
        // As with the driver it is no failure, but the user should know.
        if (!deleted) {
          cli.environment.err(
            `ipoib: ${name} is a parent and stays (ipoib down ${name} ends it)\n`,
          );
        }
      }),
  );
}
