/** `ipoib maddr show [IF]`. Equivalent to: `ip maddr show dev IF`, without the lines of link-layer addresses. */

import type { Cli } from "../cli.ts";
import { renderMaddrs } from "../render/tables_text.ts";
import { showCommand } from "../show_command.ts";

export function maddrShow(cli: Cli) {
  return showCommand(cli, {
    description: "show the IP multicast memberships of the kernel",
    fetch: ({ client }, params) => client.call("maddr.show", params),
    render: renderMaddrs,
  });
}
