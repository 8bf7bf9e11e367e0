/** `ipoib child list [[dev] IF]`: lists the child interfaces of a parent, or of all parents. */

import { Command } from "@commander-js/extra-typings";
import type { Cli } from "../cli.ts";
import { PARENT } from "../options.ts";
import { renderChildren } from "../render/tables_text.ts";
import { showRecords } from "../show_records.ts";

export function childList(cli: Cli) {
  return new Command("list").aliases(["show", "ls"])
    .description("list child interfaces")
    .argument("[IF]", "parent interface (default: all in the namespace)")
    .option(...PARENT)
    .action(async (ifname, { parent = ifname }, self) => {
      await showRecords(cli, self, parent, {
        // A child in another namespace than its parent has no children.
        fetch: async ({ client, child, name }) =>
          child && parent === undefined
            ? []
            : await client.call("child.list", { parent: name }),
        render: renderChildren,
      });
    });
}
