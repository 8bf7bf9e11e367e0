/** `ipoib neigh show [IF]`. Equivalent to: `ip neigh show dev IF`. */

import type { Cli } from "../cli.ts";
import { renderNeighbours } from "../render/tables.ts";
import { showCommand } from "./show_command.ts";

export function neighShow(cli: Cli) {
  return showCommand(
    cli,
    "neigh.show",
    "show neighbours with their 20-byte addresses",
    renderNeighbours,
  );
}
