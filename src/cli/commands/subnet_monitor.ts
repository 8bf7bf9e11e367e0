/** `ipoib subnet monitor [NAME]`: prints the events of a subnet manager as they happen, also of the next manager. */

import { Command } from "@commander-js/extra-typings";
import type { Cli } from "../cli.ts";
import type { CliEnvironment } from "../environment.ts";
import { completeOperands, inOrder } from "../completion/grammar.ts";
import { SUBNETS } from "../completion/live.ts";
import { EventMonitor, type EventSource } from "../event_monitor.ts";
import { subnetName } from "../options.ts";
import { printEvents } from "../print_events.ts";
import { subnetSockets } from "../subnet_session.ts";

export function subnetMonitor(cli: Cli) {
  return completeOperands(new Command("monitor"), inOrder([SUBNETS]))
    .description("print the events of a subnet manager as they happen")
    .argument("[NAME]", "subnet name (default: all)", subnetName)
    .action(async (name, _options, self) => {
      const { environment } = cli;
      const print = printEvents(cli, self);
      await new EventMonitor(environment, {
        sources: () => Promise.resolve(managerSources(environment, name)),
        kinds: undefined,
        none: "No subnet manager is running",
        take: (event) => print(event),
      }).run();
    });
}

function managerSources(
  environment: CliEnvironment,
  subnet: string | undefined,
): EventSource[] {
  return subnetSockets(environment, subnet).map(({ name, path }) => ({
    name: `subnet ${name}`,
    path,
    end: { kind: "fabric", event: "manager" },
  }));
}
