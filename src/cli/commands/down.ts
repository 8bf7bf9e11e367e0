/** `ipoib down [IF]`, `ipoib down --pid PID`: deletes an interface or stops a process, and waits for its end. */

import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { IpoibError } from "../../base/errors.ts";
import { type Cli, netnsOf } from "../cli.ts";
import { usageError } from "../errors.ts";
import { integer, INTERFACE, MAX_PID } from "../options.ts";
import type { Target } from "../session.ts";

const TIMEOUT_MS = 15_000;

export function down(cli: Cli) {
  return new Command("down")
    .description(
      "delete an interface; its process exits with its last interface",
    )
    .argument("[IF]", INTERFACE)
    .option(
      "--pid <pid>",
      "stop this process and delete all its interfaces, even without their control sockets",
      integer(1, MAX_PID),
    )
    .action(async (name, { pid }, self) => {
      if (pid !== undefined) {
        if (name !== undefined) {
          throw usageError("IF and --pid are mutually exclusive");
        }
        return await cli.environment.endProcess(pid, TIMEOUT_MS);
      }
      using target = await openOrDelete(cli, self, name);
      if (!target) return;
      try {
        const options = { timeout: TIMEOUT_MS };
        await target.client.call("down", { name: target.name }, options);
      } catch (error) {
        // The process exited before its reply arrived, so the interface is down.
        if (!(error instanceof IpoibError) || error.code !== "E_IPC_CLOSED") {
          throw error;
        }
      }
      if (!target.child) await waitForEnd(target);
    });
}

/** Connects to the process of the interface. If it was killed and has left its device, deletes that. */
async function openOrDelete(
  cli: Cli,
  self: CommandUnknownOpts,
  name: string | undefined,
): Promise<Target | undefined> {
  try {
    return await cli.open(self, name);
  } catch (error) {
    const ended = error instanceof IpoibError && error.code === "E_NOT_RUNNING";
    if (!ended || name === undefined) throw error;
    if (await cli.environment.deleteLeft(netnsOf(self), name)) return undefined;
    throw error;
  }
}

/** Waits until the process closes the connection. Throws `E_DOWN` after {@linkcode TIMEOUT_MS}. */
async function waitForEnd({ client, name }: Target): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() =>
      reject(
        new IpoibError("E_DOWN", `${name} did not stop within 15 s`, {
          hint: "ipoib -d link show prints the pid of its process",
        }),
      ), TIMEOUT_MS);
  });
  try {
    await Promise.race([client.closed, late]);
  } finally {
    clearTimeout(timer);
  }
}
