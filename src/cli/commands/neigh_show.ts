/** `ipoib neigh show [[dev] IF] [[to] PREFIX] [nud STATE]`. Equivalent to: `ip neigh show` with the same arguments. */

import { Command } from "@commander-js/extra-typings";
import type { NeighRecord } from "../../ipc/schema.ts";
import type { Cli } from "../cli.ts";
import { completeOperands } from "../completion/grammar.ts";
import {
  NEIGHBOUR_USAGE,
  NEIGHBOUR_WORDS,
  neighbourOperands,
  parseNeighbourWords,
} from "../neighbour_words.ts";
import { neighbourJson } from "../render/record_json.ts";
import { familyOf } from "../render/style.ts";
import { renderNeighbours } from "../render/tables_text.ts";
import { showRecords } from "../show_records.ts";

export function neighShow(cli: Cli) {
  const command = new Command("show").aliases(["list", "ls"])
    .description("show neighbours with their 20-byte link-layer addresses")
    .usage(`[options] ${NEIGHBOUR_USAGE}`)
    .argument(
      "[WORD...]",
      `${NEIGHBOUR_WORDS} (default: all in the namespace)`,
    )
    .action(async (words, _options, self) => {
      const { name, matches } = parseNeighbourWords(words);
      await showRecords<NeighRecord>(cli, self, name, {
        fetch: async ({ client }, params) =>
          (await client.call("neigh.show", params)).filter(matches),
        ofFamily: (record, family) =>
          familyOf(record.dst) === family ? record : undefined,
        render: renderNeighbours,
        json: neighbourJson,
      });
    });
  return completeOperands(command, neighbourOperands);
}
