/** `ipoib upgrade [IF]`: replaces the process of an interface by one of this program, without losing the interface. */

import { Command } from "@commander-js/extra-typings";
import { VERSION } from "../../ipc/version.ts";
import type { Cli } from "../cli.ts";
import { INTERFACE } from "../options.ts";

export function upgrade(cli: Cli) {
  return new Command("upgrade")
    .description(
      "replace the process of an interface by one of this program's version; all its interfaces, addresses and routes stay",
    )
    .argument("[IF]", INTERFACE)
    .action(async (name, _options, self) => {
      const target = await cli.open(self, name);
      const record = await target.client.call("upgrade", {});
      target.client.close();
      const code = await cli.environment.startUpgrade(record);
      cli.exitCode = code;
      if (code !== 0) return;
      cli.environment.out(
        `${target.name}: version ${VERSION} has replaced version ${record.version} (pid ${record.pid})\n`,
      );
    });
}
