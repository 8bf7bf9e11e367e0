/** `ipoib path show [IF]`: the contents of `/sys/kernel/debug/ipoib/IF_path` and more, in the format of `ip neigh`. */

import type { Cli } from "../cli.ts";
import { renderPaths } from "../render/tables_text.ts";
import { pathJson } from "../render/record_json.ts";
import { showCommand } from "../show_command.ts";

export function pathShow(cli: Cli) {
  return showCommand(cli, {
    description: "show paths",
    fetch: ({ client }, params) => client.call("path.show", params),
    render: renderPaths,
    json: pathJson,
  });
}
