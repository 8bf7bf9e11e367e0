/** `ipoib monitor [IF] [KIND...]`: prints events as they happen. Equivalent to: `ip monitor`. */

import { Command } from "@commander-js/extra-typings";
import type { NamespaceDirectory } from "../../ipc/locate.ts";
import type { Cli } from "../cli.ts";
import { EventMonitor } from "../event_monitor.ts";
import { EVENT_WORDS, parseEventWords } from "../event_words.ts";
import { globalsOf } from "../options.ts";
import { eventJson, renderEvent } from "../render/event_text.ts";
import { styleOf } from "../render/style.ts";
import { namespaceLabel } from "../show_records.ts";

const HELP = `
Prints one line for each event until it is interrupted: the interface, the kind
and the name of the event, its subject, the old and the new value, the cause.
-t adds the time, -j prints a JSON object per line. Without IF, interfaces that
appear later are followed too. \`ipoib events\` prints what happened before.`;

export function monitor(cli: Cli) {
  return new Command("monitor")
    .description("print events as they happen, as `ip monitor` does")
    .argument("[WORD...]", EVENT_WORDS)
    .usage("[dev] [IF] [link|neigh|path|group|fabric|all]")
    .addHelpText("after", HELP)
    .action(async (words, _options, command) => {
      const { environment } = cli;
      const { name, kinds } = parseEventWords(words);
      const options = globalsOf(command);
      const { netns, allNetns = false, json, timestamp = false } = options;
      // Refuses an interface that is not running.
      if (name !== undefined && !allNetns) {
        (await cli.open(command, name)).client.close();
      }
      const style = styleOf(options, environment.color);
      const names = allNetns ? await environment.namespaceNames() : undefined;
      const labelOf = (place: NamespaceDirectory) =>
        names && namespaceLabel(place, names);
      await new EventMonitor(environment, {
        selection: { name, netns, allNetns, eachInterface: false },
        kinds,
        take: (event, place) => {
          const shown = { event, netns: labelOf(place) };
          environment.out(
            json
              ? `${JSON.stringify(eventJson(shown))}\n`
              : renderEvent(shown, style, timestamp),
          );
          return !environment.outEnded;
        },
      }).run();
    });
}
