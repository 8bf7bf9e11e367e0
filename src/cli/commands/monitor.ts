/** `ipoib monitor [IF] [KIND...]`: prints events as they happen. Equivalent to: `ip monitor`. */

import { Command } from "@commander-js/extra-typings";
import type { Cli } from "../cli.ts";
import { completeOperands } from "../completion/grammar.ts";
import { initialInode, isEventIn, placeOfEvent } from "../event_places.ts";
import { EventMonitor, type EventSource } from "../event_monitor.ts";
import { EVENT_WORDS, eventOperands, parseEventWords } from "../event_words.ts";
import { errorLine } from "../errors.ts";
import { namespacesHidden, type Selection, socketsOf } from "../listing.ts";
import { globalsOf } from "../options.ts";
import { printEvents } from "../print_events.ts";
import { noneRunningText } from "../session.ts";
import { namespaceLabel } from "../show_records.ts";

const HELP = `
Prints one line for each event until it is interrupted: the interface, the kind
and the name of the event, its subject, the old and the new value, the cause.
-t adds the time, -j prints a JSON object per line. Without IF, interfaces that
appear later are followed too. \`ipoib events\` prints what happened before.`;

export function monitor(cli: Cli) {
  return completeOperands(new Command("monitor"), eventOperands)
    .description("print events as they happen, as `ip monitor` does")
    .argument("[WORD...]", EVENT_WORDS)
    .usage("[dev] [IF] [link|neigh|path|group|fabric|all]")
    .addHelpText("after", HELP)
    .action(async (words, _options, command) => {
      const { environment } = cli;
      const { name, kinds, otherwise } = parseEventWords(words);
      const { netns, allNetns = false } = globalsOf(command);
      await cli.checkRunning(command, name, otherwise);
      const selection = { name, netns, allNetns, eachInterface: false };
      const print = printEvents(cli, command);
      const { inode } = await environment.namespace(netns);
      const initial = allNetns ? await initialInode(environment) : undefined;
      let names: ReadonlyMap<bigint, string> = new Map();
      let reported = false;
      await new EventMonitor(environment, {
        sources: async () => {
          if (allNetns) names = await environment.namespaceNames();
          const { sources, hidden } = await interfaceSources(cli, selection);
          if (hidden && !reported) {
            reported = true;
            if (sources.length === 0) throw namespacesHidden();
            environment.err(errorLine(namespacesHidden()));
          }
          return sources;
        },
        kinds,
        none: noneRunningText(allNetns),
        take: (event, { namespace }) => {
          if (!allNetns) return !isEventIn(event, inode) || print(event);
          const place = placeOfEvent(event, initial, { inode: namespace });
          return print(event, namespaceLabel(place, names));
        },
      }).run();
    });
}

/** Returns the sockets of the interfaces. `hidden` is true if this user may not list other namespaces. */
async function interfaceSources(
  { environment }: Cli,
  selection: Selection,
): Promise<{ sources: EventSource[]; hidden: boolean }> {
  const { asked, incomplete } = await socketsOf(environment, selection);
  const sources = asked
    // Without a name, a child in another namespace is followed with its parent, which is listed too.
    .filter(({ socket: { target } }) =>
      selection.name !== undefined || !selection.allNetns ||
      target === undefined
    )
    .map(({ place, socket: { name, path, target } }): EventSource => ({
      ...{ name, path },
      end: { kind: "link", event: "deleted" },
      only: selection.name !== undefined || target !== undefined
        ? name
        : undefined,
      namespace: place.inode,
    }));
  return { sources, hidden: incomplete };
}
