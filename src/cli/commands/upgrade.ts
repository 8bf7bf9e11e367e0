/** `ipoib upgrade [IF]`, `ipoib upgrade --pid PID`: replaces a process by one of this program, and keeps its interfaces. */

import { Command } from "@commander-js/extra-typings";
import { VERSION } from "../../ipc/version.ts";
import type { Cli } from "../cli.ts";
import { usageError } from "../errors.ts";
import { openProcess } from "../find_process.ts";
import { integer, INTERFACE, MAX_PID } from "../options.ts";

export function upgrade(cli: Cli) {
  return new Command("upgrade")
    .description(
      "replace the process of an interface by one of this program's version; all its interfaces, addresses and routes stay",
    )
    .argument("[IF]", INTERFACE)
    .option(
      "--pid <pid>",
      "replace this process, whose interfaces may be in any network namespace",
      integer(1, MAX_PID),
    )
    .action(async (name, { pid }, self) => {
      if (name !== undefined && pid !== undefined) {
        throw usageError("IF and --pid are mutually exclusive");
      }
      const target = pid === undefined
        ? await cli.open(self, name)
        : await openProcess(cli.environment, pid);
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
