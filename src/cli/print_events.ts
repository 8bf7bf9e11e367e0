/** Prints the events of a monitor. */

import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import type { Cli } from "./cli.ts";
import type { EventRecord } from "../ipc/schema.ts";
import { globalsOf } from "./options.ts";
import { eventJson, renderEvent } from "./render/event_text.ts";
import { styleOf } from "./render/style.ts";

/**
 * Returns the function that prints an event in the style of the options, with the label of its namespace if given. It
 * returns false if the reader of the output has ended.
 */
export function printEvents(
  { environment }: Cli,
  command: CommandUnknownOpts,
): (event: EventRecord, netns?: string) => boolean {
  const options = globalsOf(command);
  const { json, timestamp = false } = options;
  const style = styleOf(options, environment.color);
  return (event, netns) => {
    const shown = { event, netns };
    environment.out(
      json
        ? `${JSON.stringify(eventJson(shown))}\n`
        : renderEvent(shown, style, timestamp),
    );
    return !environment.outEnded;
  };
}
