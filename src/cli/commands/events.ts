/** `ipoib events [IF] [KIND...] [--since TIME]`: prints the events that the processes of interfaces have stored. */

import { Command } from "@commander-js/extra-typings";
import type { Cli } from "../cli.ts";
import { completeOperands } from "../completion/grammar.ts";
import { initialInode, isEventIn, placeOfEvent } from "../event_places.ts";
import { EVENT_WORDS, eventOperands, parseEventWords } from "../event_words.ts";
import { globalsOf } from "../options.ts";
import { eventJson, renderEvent } from "../render/event_text.ts";
import { showRecords } from "../show_records.ts";
import { SINCE, since } from "../since.ts";

const HELP = `
The process of an interface keeps its last 4096 events. TIME is an age (90s,
15m, 3h, 2d) or a time (14:30, 2026-01-31, 2026-01-31T14:30).`;

export function events(cli: Cli) {
  return completeOperands(new Command("events"), eventOperands)
    .description("print the last events of interfaces, oldest first")
    .argument("[WORD...]", EVENT_WORDS)
    .usage("[dev] [IF] [link|neigh|path|group|fabric|all] [--since TIME]")
    .option(...SINCE, since)
    .addHelpText("after", HELP)
    .action(async (words, options, command) => {
      const { name, kinds, otherwise } = parseEventWords(words);
      const filter = { ...options, ...(kinds ? { kinds } : {}) };
      const { environment } = cli;
      const { netns, allNetns = false } = globalsOf(command);
      const everywhere = allNetns && name === undefined;
      const initial = everywhere ? await initialInode(environment) : undefined;
      const { inode } = await environment.namespace(netns);
      await showRecords(cli, command, name, {
        otherwise,
        fetch: async ({ client, child }, params) => {
          // A child in another namespace has the process of its parent, which is asked, too.
          if (everywhere && child) return [];
          const found = await client.call("events.show", {
            ...params,
            ...filter,
          });
          return allNetns
            ? found
            : found.filter((each) => isEventIn(each, inode));
        },
        placeOf: everywhere
          ? (event, place) => placeOfEvent(event, initial, place)
          : undefined,
        order: (a, b) => a.time_ms - b.time_ms,
        render: (records, style) =>
          records.map((event) => renderEvent({ event }, style, true)).join(""),
        json: (event) => eventJson({ event }),
      });
    });
}
