/** `ipoib link show [IF]`. Equivalent to: `ip link show type ipoib`. */

import type { Cli } from "../cli.ts";
import { type LinkRow, renderLinks } from "../render/link_text.ts";
import { linkJson } from "../render/record_json.ts";
import { showCommand } from "../show_command.ts";

export function linkShow(cli: Cli) {
  return showCommand<LinkRow>(cli, {
    description: "show interfaces",
    fetch: ({ client }, params) => client.call("link.show", params),
    order: (a, b) => indexOf(a) - indexOf(b),
    render: renderLinks,
    json: linkJson,
    showsNamespace: true,
    absent: (ifname, { code, message }) => ({
      ifname,
      state: code === "E_IPC_TIMEOUT" ? "not answering" : message,
    }),
  });
}

/** Interfaces that do not answer come last. */
function indexOf(link: LinkRow): number {
  return "ifindex" in link ? link.ifindex : Infinity;
}
