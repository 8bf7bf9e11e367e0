/** `ipoib debug path [IF]`. Equivalent to: `cat /sys/kernel/debug/ipoib/IF_path`, in the same layout. */

import type { Cli } from "../cli.ts";
import { renderPathFile } from "../render/debugfs_text.ts";
import { tableCommand } from "../show_command.ts";

export function debugPath(cli: Cli) {
  return tableCommand(cli, "path", {
    description: "show paths as the debugfs file IF_path does",
    fetch: ({ client, name }) => client.call("path.show", { name }),
    render: renderPathFile,
  });
}
