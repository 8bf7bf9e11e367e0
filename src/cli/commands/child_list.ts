/** `ipoib child list [--parent IF]`: lists the child interfaces of a parent. */

import { Command } from "@commander-js/extra-typings";
import type { Cli } from "../cli.ts";
import { PARENT } from "../options.ts";
import { renderChildren } from "../render/tables_text.ts";

export function childList(cli: Cli) {
  return new Command("list").aliases(["show", "ls"])
    .description("list child interfaces")
    .option(...PARENT)
    .action(async ({ parent }, self) => {
      using target = await cli.open(self, parent);
      const { client, name } = target;
      const children = await client.call("child.list", { parent: name });
      cli.print(self, children, renderChildren);
    });
}
