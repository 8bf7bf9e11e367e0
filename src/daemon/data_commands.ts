/** The methods of the control socket that concern the engine, as they run in the data worker. */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import type { Method } from "../ipc/schema.ts";
import { type CommandContext, type Commands } from "./commands/context.ts";
import { ethtoolCommands } from "./commands/ethtool.ts";
import { fileCommands } from "./commands/files.ts";
import { linkCommands } from "./commands/link.ts";
import { tableCommands } from "./commands/tables.ts";
import type { Reply } from "./thread/worker_side.ts";

export type { CommandContext } from "./commands/context.ts";

const commands: Commands = {
  ...linkCommands,
  ...tableCommands,
  ...fileCommands,
  ...ethtoolCommands,
};

/** Runs a command and answers it. */
export function runCommand(
  context: CommandContext,
  name: string,
  params: unknown,
  reply: Reply,
): void {
  if (name === "subnet.show") {
    const asked = (params as { name?: string }).name;
    if (asked !== undefined && asked !== context.subnet) {
      const own = context.subnet === undefined
        ? "a real fabric"
        : `subnet ${context.subnet}`;
      throw new IpoibError(
        "E_SUBNET_NAME",
        `This interface is on ${own}, not on ${asked}`,
        { errno: Errno.ENOENT },
      );
    }
    context.showSubnet((subnet) => reply.ok(subnet));
    return;
  }
  // The table ties each command to its own parameters; the socket has checked them.
  const command = commands[name as Method] as
    | ((context: CommandContext, params: unknown) => unknown)
    | undefined;
  if (!command) {
    throw new IpoibError("E_IPC_METHOD", `Method "${name}" is not known`, {
      errno: Errno.EOPNOTSUPP,
    });
  }
  reply.ok(command(context, params));
}
