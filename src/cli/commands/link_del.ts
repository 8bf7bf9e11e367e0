/** `ipoib link del [dev] NAME`: deletes a child interface. Equivalent to: `ip link del`. */

import { Command } from "@commander-js/extra-typings";
import type { Cli } from "../cli.ts";
import { completeOperands, keywords } from "../completion/grammar.ts";
import { CHILDREN } from "../completion/live.ts";
import { usageError } from "../errors.ts";
import { checkType } from "../link_values.ts";

export function linkDel(cli: Cli) {
  const command = new Command("del").aliases(["delete"])
    .description("delete a child interface")
    .usage("[options] [dev] NAME [type ipoib]")
    .argument("<WORD...>", "interface")
    .action(async (words, _options, self) => {
      const [name, ...more] = words[0] === "dev" ? words.slice(1) : words;
      const [type, kind, excess] = more;
      if (type === "type" && kind !== undefined) checkType(kind);
      if (
        name === undefined || excess !== undefined ||
        (more.length > 0 && (type !== "type" || kind === undefined))
      ) {
        throw usageError("Exactly one interface name is required");
      }
      using target = await cli.open(self, name);
      const { deleted } = await target.client.call("link.del", { name });
      // ib_ipoib ignores the request without an error; a warning is more helpful.
      if (!deleted) {
        cli.environment.err(
          `ipoib: ${name} is a parent interface and was not deleted (use ipoib down ${name})\n`,
        );
      }
    });
  const operands = keywords({ free: CHILDREN, values: { dev: CHILDREN } });
  return completeOperands(command, operands);
}
