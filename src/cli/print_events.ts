/** Prints the events of a monitor. */

import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import type { Cli } from "./cli.ts";
import type { EventMonitorOptions } from "./event_monitor.ts";
import { globalsOf } from "./options.ts";
import { eventJson, renderEvent } from "./render/event_text.ts";
import { styleOf } from "./render/style.ts";

/** Returns the function that prints each event, in the style of the options, until the reader of the output has ended. */
export function printEvents(
  { environment }: Cli,
  command: CommandUnknownOpts,
): EventMonitorOptions["take"] {
  const options = globalsOf(command);
  const { json, timestamp = false } = options;
  const style = styleOf(options, environment.color);
  return (event, { netns }) => {
    const shown = { event, netns };
    environment.out(
      json
        ? `${JSON.stringify(eventJson(shown))}\n`
        : renderEvent(shown, style, timestamp),
    );
    return !environment.outEnded;
  };
}
