/** `ipoib down [IF]`: ends an interface, and returns once its process has let go of everything of it. */

import { Command } from "@commander-js/extra-typings";
import { IpoibError } from "../../base/errors.ts";
import { type Cli, netnsOf } from "../cli.ts";
import { addNetns } from "../options.ts";
import { openInterface, type Target } from "../session.ts";

const TIMEOUT = 15_000;

export function down(cli: Cli) {
  const command = new Command("down")
    .description("take an interface away; its process ends with its last one")
    .argument("[IF]", "interface; default: the only one that runs here")
    .action(async (name, _options, self) => {
      const target = await openInterface(cli.environment, netnsOf(self), name);
      using client = target.client;
      try {
        await client.call("down", { name: target.name }, { timeout: TIMEOUT });
      } catch (error) {
        // It went before its answer came through: it is down all the same.
        if (!(error instanceof IpoibError) || error.code !== "E_IPC_CLOSED") {
          throw error;
        }
      }
      if (!target.child) await ended(target);
    });
  addNetns(command);
  return command;
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
