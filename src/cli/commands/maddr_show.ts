/** `ipoib maddr show [IF]`. Equivalent to: `ip maddr show dev IF`, without the lines of link-layer addresses. */

import type { Cli } from "../cli.ts";
import { renderMaddrs } from "../render/tables_text.ts";
import { showCommand } from "../show_command.ts";

export function maddrShow(cli: Cli) {
  return showCommand(cli, {
    description: "show the IP multicast memberships of the kernel",
    fetch: ({ client }, params) => client.call("maddr.show", params),
    ofFamily: (record, family) => {
      const maddr = record.maddr.filter((each) => each.family === family);
      return maddr.length === 0 ? undefined : { ...record, maddr };
    },
    render: renderMaddrs,
  });
}
