/** `ipoib mcg show [IF]`: the contents of `/sys/kernel/debug/ipoib/IF_mcg` and more, in the format of `ip neigh`. */

import type { Cli } from "../cli.ts";
import type { Family } from "../options.ts";
import { renderGroups } from "../render/tables_text.ts";
import { groupJson } from "../render/record_json.ts";
import { showCommand } from "../show_command.ts";

export function mcgShow(cli: Cli) {
  return showCommand(cli, {
    description: "show multicast groups",
    ofFamily: (record, family) =>
      familyOfGroup(record.mgid) === family ? record : undefined,
    fetch: ({ client }, params) => client.call("mcg.show", params),
    render: renderGroups,
    json: groupJson,
  });
}

/** Returns the family of the IP group of an MGID by its signature (RFC 4391 section 4). */
function familyOfGroup(mgid: string): Family | undefined {
  switch (mgid.split(":")[1]) {
    case "401b":
      return "inet";
    case "601b":
      return "inet6";
    default:
      return undefined;
  }
}
