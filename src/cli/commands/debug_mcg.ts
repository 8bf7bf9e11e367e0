/** `ipoib debug mcg [IF]`. Equivalent to: `cat /sys/kernel/debug/ipoib/IF_mcg`. */

import { Command } from "@commander-js/extra-typings";
import { type Cli, prints } from "../cli.ts";
import { INTERFACE } from "../options.ts";
import { renderMcgFile } from "../render/debugfs_text.ts";

export function debugMcg(cli: Cli) {
  return prints(
    new Command("mcg")
      .description("show multicast groups as the debugfs file IF_mcg does")
      .argument("[IF]", INTERFACE)
      .action(async (name, _options, command) => {
        using target = await cli.open(command, name);
        const { client, name: ifname } = target;
        const records = await client.call("mcg.show", { name: ifname });
        const { uptimeMs } = cli.environment;
        cli.print(
          command,
          records,
          (groups) => renderMcgFile(groups, uptimeMs),
        );
      }),
  );
}
