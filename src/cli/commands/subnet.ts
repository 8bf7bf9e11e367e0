/** `ipoib subnet show [NAME]` and `ipoib subnet run [NAME]`: the embedded subnet. */

import {
  Command,
  InvalidArgumentError,
  Option,
} from "@commander-js/extra-typings";
import {
  DEFAULT_SUBNET,
  isSubnetName,
  LOG_CHOICES,
} from "../../ipc/up_options.ts";
import { type Cli, netnsOf, prints } from "../cli.ts";
import { subnetMtu } from "../options.ts";
import { snakeKeys } from "../render/json.ts";
import { renderSubnet } from "../render/subnet.ts";
import { fetchSubnet } from "../session.ts";

function subnetName(text: string): string {
  if (isSubnetName(text)) return text;
  throw new InvalidArgumentError(
    "It must have 1 to 32 letters, digits, dots, dashes or underscores.",
  );
}

export function subnetShow(cli: Cli) {
  return prints(
    new Command("show")
      .description("show ports, partitions and groups of a subnet")
      .argument("[NAME]", "subnet; default: the only one that runs", subnetName)
      .action(async (name, _options, self) => {
        const subnet = await fetchSubnet(
          cli.environment,
          netnsOf(self),
          name,
        );
        cli.print(
          self,
          [subnet],
          (subnets, style) =>
            subnets.map((record) => renderSubnet(record, style)).join(""),
          snakeKeys,
        );
      }),
  );
}

export function subnetRun(cli: Cli) {
  return new Command("run")
    .description("host a subnet's manager without an interface")
    .argument("[NAME]", "subnet", subnetName, DEFAULT_SUBNET)
    .option("--subnet-mtu <bytes>", "IB MTU, 2048 or 4096", subnetMtu)
    .addOption(
      new Option("--log <level>", "least level that is logged")
        .choices(LOG_CHOICES).default("info" as const),
    )
    .action(async (name, { subnetMtu, log }) => {
      cli.exitCode = await cli.environment.runSubnet({
        name,
        log,
        ...(subnetMtu === undefined ? {} : { subnetMtu }),
      });
    });
}
