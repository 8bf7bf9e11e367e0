/** `ipoib subnet show [NAME] [--dot]`: prints the manager, ports, partitions and groups of an embedded subnet. */

import { Command } from "@commander-js/extra-typings";
import { type Cli, netnsOf } from "../cli.ts";
import { completeOperands, inOrder } from "../completion/grammar.ts";
import { SUBNETS } from "../completion/live.ts";
import { SUBNET, subnetName } from "../options.ts";
import { snakeKeys } from "../render/json.ts";
import { renderSubnet } from "../render/subnet_text.ts";
import { renderSubnetDot } from "../render/subnet_dot.ts";
import { fetchSubnet } from "../subnet_session.ts";

export function subnetShow(cli: Cli) {
  return completeOperands(new Command("show"), inOrder([SUBNETS]))
    .description("show ports, partitions and groups of a subnet")
    .argument("[NAME]", SUBNET, subnetName)
    .option("--dot", "print a Graphviz graph: | dot -Tsvg > subnet.svg")
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
    });
}
