/** `ipoib mcg show [IF]`: the contents of `/sys/kernel/debug/ipoib/IF_mcg` and more, in the format of `ip neigh`. */

import type { Cli } from "../cli.ts";
import { renderGroups } from "../render/tables_text.ts";
import { groupJson } from "../render/record_json.ts";
import { showCommand } from "../show_command.ts";

export function mcgShow(cli: Cli) {
  return showCommand(cli, {
    description: "show multicast groups",
    fetch: ({ client }, params) => client.call("mcg.show", params),
    render: renderGroups,
    json: groupJson,
  });
}
