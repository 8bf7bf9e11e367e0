/** `ipoib debug mcg [IF]`. Equivalent to: `cat /sys/kernel/debug/ipoib/IF_mcg`, in the same layout. */

import type { Cli } from "../cli.ts";
import { renderMcgFile } from "../render/debugfs_text.ts";
import { tableCommand } from "../show_command.ts";

export function debugMcg(cli: Cli) {
  return tableCommand(cli, "mcg", {
    description: "show multicast groups as the debugfs file IF_mcg does",
    fetch: ({ client, name }) => client.call("mcg.show", { name }),
    render: (groups) => renderMcgFile(groups, cli.environment.uptimeMs),
  });
}
