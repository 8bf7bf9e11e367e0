/** `ipoib subnet run [NAME]`: runs the manager of an embedded subnet. The action loads src/daemon on demand. */

import { Command, Option } from "@commander-js/extra-typings";
import { DEFAULT_SUBNET, LOG_CHOICES } from "../../ipc/up_options.ts";
import type { Cli } from "../cli.ts";
import { existing } from "../config/config_file.ts";
import { LOG, SUBNET_MTU, subnetName, USER } from "../options.ts";
import { completeOperands, inOrder } from "../completion/grammar.ts";
import { SUBNETS } from "../completion/live.ts";

export function subnetRun(cli: Cli) {
  return completeOperands(new Command("run"), inOrder([SUBNETS]))
    .description("run a subnet manager without an interface until stopped")
    .argument("[NAME]", "subnet name", subnetName, DEFAULT_SUBNET)
    .option(...SUBNET_MTU)
    .option(
      "--partitions <file>",
      "partition configuration (OpenSM syntax), reloaded on SIGHUP (default: /etc/ipoib/NAME.partitions if it exists)",
    )
    .option(...USER)
    .addOption(
      new Option(...LOG).choices(LOG_CHOICES).default("info" as const),
    )
    .action(async (name, options) => {
      const { subnetMtu, user, log } = options;
      const partitions = options.partitions ??
        existing(`${cli.environment.configDirectory}/${name}.partitions`);
      cli.exitCode = await cli.environment.runSubnet({
        name,
        log,
        ...(subnetMtu === undefined ? {} : { subnetMtu }),
        ...(partitions === undefined ? {} : { partitions }),
        ...(user === undefined ? {} : { user }),
      });
    });
}
