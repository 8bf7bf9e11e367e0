/** `ipoib subnet show|run|reload [NAME]`: the embedded subnet. */

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
import { subnetMtu, USER } from "../options.ts";
import { snakeKeys } from "../render/json.ts";
import { renderReload } from "../render/reload.ts";
import { renderSubnet } from "../render/subnet.ts";
import { renderSubnetDot } from "../render/subnet_dot.ts";
import { fetchSubnet, openSubnet } from "../subnet_session.ts";

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
      .option("--dot", "draw it for Graphviz: | dot -Tsvg > subnet.svg")
      .action(async (name, { dot }, self) => {
        const subnet = await fetchSubnet(
          cli.environment,
          netnsOf(self),
          name,
        );
        if (dot) return cli.environment.out(renderSubnetDot(subnet));
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

export function subnetReload(cli: Cli) {
  return prints(
    new Command("reload")
      .description("read the partitions of a subnet again")
      .argument("[NAME]", "subnet; default: the only one that runs", subnetName)
      .option(
        "--partitions <file>",
        "take this file (OpenSM's syntax) instead of the one before",
      )
      .action(async (name, { partitions }, self) => {
        using client = (await openSubnet(cli.environment, name)).client;
        const record = await client.call(
          "subnet.reload",
          partitions === undefined ? {} : {
            partitions: absolutePath(partitions),
          },
        );
        cli.print(
          self,
          [record],
          (records) => records.map(renderReload).join(""),
        );
      }),
  );
}

/** The process that reads the file may be in another folder. */
function absolutePath(path: string): string {
  return path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
}
