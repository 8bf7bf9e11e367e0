/** `ipoib subnet run [NAME]`: holds the manager of an embedded subnet. The daemon is loaded only when this runs. */

import { Command, Option } from "@commander-js/extra-typings";
import { DEFAULT_SUBNET, LOG_CHOICES } from "../../ipc/up_options.ts";
import type { Cli } from "../cli.ts";
import { subnetMtu, subnetName, USER } from "../options.ts";

export function subnetRun(cli: Cli) {
  return new Command("run")
    .description("host a subnet's manager without an interface")
    .argument("[NAME]", "subnet", subnetName, DEFAULT_SUBNET)
    .option("--subnet-mtu <bytes>", "IB MTU, 2048 or 4096", subnetMtu)
    .option(
      "--partitions <file>",
      "partitions, in OpenSM's syntax; read again at SIGHUP",
    )
    .option(...USER)
    .addOption(
      new Option("--log <level>", "least level that is logged")
        .choices(LOG_CHOICES).default("info" as const),
    )
    .action(async (name, { subnetMtu, partitions, user, log }) => {
      cli.exitCode = await cli.environment.runSubnet({
        name,
        log,
        ...(subnetMtu === undefined ? {} : { subnetMtu }),
        ...(partitions === undefined ? {} : { partitions }),
        ...(user === undefined ? {} : { user }),
      });
    });
}
