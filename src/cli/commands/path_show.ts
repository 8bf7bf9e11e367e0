/** `ipoib path show [IF]`. Equivalent to: `cat /sys/kernel/debug/ipoib/IF_path`, in the format of `ip neigh`. */

import type { Cli } from "../cli.ts";
import { renderPaths } from "../render/tables_text.ts";
import { showCommand } from "../show_command.ts";

export function pathShow(cli: Cli) {
  return showCommand(cli, {
    description: "show paths",
    fetch: ({ client, name }) => client.call("path.show", { name }),
    render: renderPaths,
  });
}
