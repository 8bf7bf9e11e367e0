/** `ipoib subnet events [NAME] [--since TIME]`: prints the events that a subnet manager has stored. */

import { Command } from "@commander-js/extra-typings";
import type { Cli } from "../cli.ts";
import { completeOperands, inOrder } from "../completion/grammar.ts";
import { SUBNETS } from "../completion/live.ts";
import { SUBNET, subnetName } from "../options.ts";
import { eventJson, renderEvent } from "../render/event_text.ts";
import { SINCE, since } from "../since.ts";
import { openSubnet } from "../subnet_session.ts";

export function subnetEvents(cli: Cli) {
  return completeOperands(new Command("events"), inOrder([SUBNETS]))
    .description("print the last events of a subnet manager, oldest first")
    .argument("[NAME]", SUBNET, subnetName)
    .option(...SINCE, since)
    .action(async (name, options, self) => {
      using client = await openSubnet(cli.environment, name);
      cli.print(
        self,
        await client.call("events.show", options),
        (records, style) =>
          records.map((event) => renderEvent({ event }, style, true)).join(""),
        (event) => eventJson({ event }),
      );
    });
}
