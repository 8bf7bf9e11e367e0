/** `ipoib link show [IF]`. Equivalent to: `ip link show type ipoib`. */

import type { Cli } from "../cli.ts";
import { linkRows } from "../link_rows.ts";
import { type LinkRow, renderLinks } from "../render/link_text.ts";
import { linkJson } from "../render/record_json.ts";
import { showCommand } from "../show_command.ts";

export function linkShow(cli: Cli) {
  return showCommand<LinkRow>(cli, {
    description: "show interfaces",
    fetch: ({ client }, params) => client.call("link.show", params),
    render: renderLinks,
    json: linkJson,
    ...linkRows,
  });
}
