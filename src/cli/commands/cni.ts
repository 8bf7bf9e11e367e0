/** `ipoib cni`: a CNI plugin, which container runtimes start. */

import { Command } from "@commander-js/extra-typings";
import type { Cli } from "../cli.ts";

const DESCRIPTION =
  "act as CNI plugin: give a container a child interface (CNI_COMMAND and the network configuration on standard input)";

export function cni(cli: Cli) {
  return new Command("cni").description(DESCRIPTION)
    .action(async () => {
      const { runCniCommand } = await import("../cni/plugin.ts");
      const { environment } = cli;
      const { output, code } = await runCniCommand(
        environment,
        await environment.input(),
      );
      if (output) environment.out(`${JSON.stringify(output)}\n`);
      cli.exitCode = code;
    });
}
