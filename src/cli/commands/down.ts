/** `ipoib down [IF]`, `ipoib down --pid PID`: ends an interface or a process, and returns once nothing of it is left. */

import { Command } from "@commander-js/extra-typings";
import { IpoibError } from "../../base/errors.ts";
import type { Cli } from "../cli.ts";
import { usageError } from "../errors.ts";
import { addNetns, integer } from "../options.ts";
import type { Target } from "../session.ts";

const TIMEOUT = 15_000;
/** The kernel's own limit (PID_MAX_LIMIT). */
const MAX_PID = 4_194_304;

export function down(cli: Cli) {
  return addNetns(
    new Command("down")
      .description("take an interface away; its process ends with its last one")
      .argument("[IF]", "interface; default: the only one that runs here")
      .option(
        "--pid <pid>",
        "take all interfaces of this process away, also where they cannot be found",
        integer(1, MAX_PID),
      )
      .action(async (name, { pid }, self) => {
        if (pid !== undefined) {
          if (name !== undefined) {
            throw usageError("An interface and --pid exclude each other");
          }
          return await cli.environment.endProcess(pid, TIMEOUT);
        }
        using target = await cli.open(self, name);
        try {
          const options = { timeout: TIMEOUT };
          await target.client.call("down", { name: target.name }, options);
        } catch (error) {
          // It went before its answer came through: it is down all the same.
          if (!(error instanceof IpoibError) || error.code !== "E_IPC_CLOSED") {
            throw error;
          }
        }
        if (!target.child) await ended(target);
      }),
  );
}

async function ended({ client, name }: Target): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() =>
      reject(
        new IpoibError("E_DOWN", `${name} did not end within 15 s`, {
          hint: "ipoib link show names its process",
        }),
      ), TIMEOUT);
  });
  try {
    await Promise.race([client.closed, late]);
  } finally {
    clearTimeout(timer);
  }
}
