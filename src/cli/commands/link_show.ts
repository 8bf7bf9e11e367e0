/** `ipoib link show [IF]`. Equivalent to: `ip link show type ipoib`. */

import type { Cli } from "../cli.ts";
import { renderLinks } from "../render/link_text.ts";
import { showCommand } from "../show_command.ts";

export function linkShow(cli: Cli) {
  return showCommand(cli, {
    description: "show an interface and its child interfaces",
    fetch: ({ client, name, child }, named) =>
      client.call("link.show", named || child ? { name } : {}),
    render: renderLinks,
  });
}
