/** `ipoib neigh show [IF]`. Equivalent to: `ip neigh show dev IF`. */

import type { Cli } from "../cli.ts";
import { renderNeighbours } from "../render/tables_text.ts";
import { familyOf } from "../render/style.ts";
import { neighbourJson } from "../render/record_json.ts";
import { showCommand } from "../show_command.ts";

export function neighShow(cli: Cli) {
  return showCommand(cli, {
    description: "show neighbours with their 20-byte link-layer addresses",
    fetch: ({ client }, params) => client.call("neigh.show", params),
    ofFamily: (record, family) =>
      familyOf(record.dst) === family ? record : undefined,
    render: renderNeighbours,
    json: neighbourJson,
  });
}
