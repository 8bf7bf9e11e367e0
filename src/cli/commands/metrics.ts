/** `ipoib metrics [IF]`: prints, writes or serves metrics of the interfaces for Prometheus. */

import {
  Command,
  type CommandUnknownOpts,
  Option,
} from "@commander-js/extra-typings";
import type { Cli } from "../cli.ts";
import { usageError } from "../errors.ts";
import { FORMATS } from "../metrics/exposition.ts";
import { parseListenAddress } from "../metrics/listen_address.ts";
import { globalsOf, INTERFACES } from "../options.ts";

const HELP = `
Without --listen and --textfile, prints the metrics. With -a, those of all
network namespaces, with the label netns.

  ipoib metrics -a --listen 127.0.0.1:9788
  ipoib metrics -a --textfile /var/lib/prometheus/node-exporter/ipoib.prom`;

export function metrics(cli: Cli): CommandUnknownOpts {
  return new Command("metrics")
    .description("print or serve metrics for Prometheus")
    .argument("[IF]", INTERFACES)
    .option(
      "--listen <address>",
      "serve the metrics at unix:PATH or ADDRESS:PORT until stopped",
    )
    .option(
      "--textfile <file>",
      "write a file for the textfile collector of node_exporter",
    )
    .addOption(
      new Option(
        "--format <format>",
        "default: openmetrics, and prometheus for --textfile",
      ).choices(FORMATS),
    )
    .option("--peers", "add the traffic of each peer, a series for each")
    .addHelpText("after", HELP)
    .action(async (name, { listen, textfile, format, peers }, self) => {
      if (listen !== undefined && (textfile ?? format) !== undefined) {
        const other = textfile === undefined ? "--format" : "--textfile";
        throw usageError(`--listen and ${other} exclude each other`);
      }
      const { allNetns = false, netns } = globalsOf(self);
      await cli.checkRunning(self, name);
      const { print, serve, write } = await import("../metrics/run.ts");
      const scope = { name, netns, allNetns, peers: peers ?? false };
      const { environment } = cli;
      if (listen !== undefined) {
        await serve(environment, scope, parseListenAddress(listen));
      } else if (textfile !== undefined) {
        await write(environment, scope, textfile, format);
      } else await print(environment, scope, format);
    });
}
