/** `ipoib debug path [IF]`. Equivalent to: `cat /sys/kernel/debug/ipoib/IF_path`. */

import { Command } from "@commander-js/extra-typings";
import { type Cli, prints } from "../cli.ts";
import { INTERFACE } from "../options.ts";
import { renderPathFile } from "../render/debugfs_text.ts";

export function debugPath(cli: Cli) {
  return prints(
    new Command("path")
      .description("show paths as the debugfs file IF_path does")
      .argument("[IF]", INTERFACE)
      .action(async (name, _options, command) => {
        using target = await cli.open(command, name);
        const { client, name: ifname } = target;
        const records = await client.call("path.show", { name: ifname });
        cli.print(command, records, renderPathFile);
      }),
  );
}
