/** `ipoib down [IF]`, `ipoib down --pid PID`: deletes an interface or stops a process, and waits for its end. */

import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import { type Cli, netnsOf } from "../cli.ts";
import { usageError } from "../errors.ts";
import { integer, INTERFACE, MAX_PID } from "../options.ts";
import type { Target } from "../session.ts";

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
      const { endLimitMs } = cli.environment;
      if (pid !== undefined) {
        if (name !== undefined) {
          throw usageError("IF and --pid are mutually exclusive");
        }
        return await cli.environment.endProcess(pid, endLimitMs);
      }
      using target = await openOrDelete(cli, self, name);
      if (!target) return;
      try {
        const options = { timeout: endLimitMs };
        await target.client.call("down", { name: target.name }, options);
      } catch (error) {
        const { code } = IpoibError.from(error);
        if (code === "E_IPC_TIMEOUT") throw late(target, endLimitMs, error);
        // The process exited before its reply arrived, so the interface is down.
        if (code !== "E_IPC_CLOSED") throw error;
      }
      if (!target.child) await waitForEnd(target, endLimitMs);
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

/** Waits until the process closes the connection. Throws `E_DOWN` after `limitMs`. */
async function waitForEnd(target: Target, limitMs: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const overdue = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(late(target, limitMs)), limitMs);
  });
  try {
    await Promise.race([target.client.closed, overdue]);
  } finally {
    clearTimeout(timer);
  }
}

/** Returns the error of an interface that has not ended in time. Its process has the request, and obeys it later. */
function late({ name }: Target, limitMs: number, cause?: unknown): IpoibError {
  return new IpoibError(
    "E_DOWN",
    `${name} did not stop within ${limitMs / 1000} s`,
    {
      errno: Errno.ETIMEDOUT,
      hint:
        `the request remains queued: the interface is deleted when its process continues; ipoib doctor ${name} shows whether it is stopped`,
      cause,
    },
  );
}
