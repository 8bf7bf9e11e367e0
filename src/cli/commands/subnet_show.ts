/** `ipoib subnet show [NAME] [--dot|--svg]`: prints the manager, ports, partitions and groups of an embedded subnet. */

import { Command } from "@commander-js/extra-typings";
import { type Cli, netnsOf } from "../cli.ts";
import { completeOperands, inOrder } from "../completion/grammar.ts";
import { SUBNETS } from "../completion/live.ts";
import { usageError } from "../errors.ts";
import { SUBNET, subnetName } from "../options.ts";
import { snakeKeys } from "../render/json.ts";
import { renderSubnet } from "../render/subnet_text.ts";
import { renderSubnetDot } from "../render/subnet_dot.ts";
import { renderSubnetSvg } from "../render/subnet_svg.ts";
import { withPlaces } from "../subnet_places.ts";
import { fetchSubnet } from "../subnet_session.ts";

export function subnetShow(cli: Cli) {
  return completeOperands(new Command("show"), inOrder([SUBNETS]))
    .description("show ports, partitions and groups of a subnet")
    .argument("[NAME]", SUBNET, subnetName)
    .option("--dot", "print a Graphviz graph: | dot -Tsvg > subnet.svg")
    .option("--svg", "print a picture: > subnet.svg")
    .action(async (name, { dot, svg }, self) => {
      if (dot && svg) throw usageError("--dot and --svg exclude each other");
      const { environment } = cli;
      const record = await fetchSubnet(environment, netnsOf(self), name);
      const subnet = await withPlaces(environment, record);
      if (dot) environment.out(renderSubnetDot(subnet));
      else if (svg) environment.out(renderSubnetSvg(subnet));
      else {
        cli.print(
          self,
          [subnet],
          (subnets, style) =>
            subnets.map((record) => renderSubnet(record, style)).join(""),
          snakeKeys,
        );
      }
    });
}
