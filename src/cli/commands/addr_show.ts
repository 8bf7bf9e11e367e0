/** `ipoib addr show [IF]`. Equivalent to: `ip addr show type ipoib`. */

import type { Cli } from "../cli.ts";
import { type AddrRow, renderAddresses } from "../render/addr_text.ts";
import { addrJson } from "../render/record_json.ts";
import { showCommand } from "../show_command.ts";
import { linkRows } from "../link_rows.ts";

export function addrShow(cli: Cli) {
  return showCommand<AddrRow>(cli, {
    description: "show interfaces and their IP addresses",
    fetch: async ({ client }, params) => {
      const [links, addresses] = await Promise.all([
        client.call("link.show", params),
        client.call("addr.show", params),
      ]);
      return links.map((link) => ({
        ...link,
        addr_info: addresses.find(({ ifname }) => ifname === link.ifname)
          ?.addr_info ?? [],
      }));
    },
    ofFamily: (row, family) => {
      if (!("ifindex" in row)) return row;
      if (family === "link") return { ...row, addr_info: [] };
      const found = row.addr_info.filter((each) => each.family === family);
      return found.length === 0 ? undefined : { ...row, addr_info: found };
    },
    render: renderAddresses,
    json: addrJson,
    ...linkRows,
  });
}
