/** The parameters that a container runtime passes to a CNI plugin in environment variables (CNI 1.0.0, section 2). */

import { IpoibError } from "../../base/errors.ts";
import type { CniVariable } from "../../base/variables.ts";
import { INTERFACE_NAME_RULE, isInterfaceName } from "../../ipc/schema.ts";

const COMMANDS = ["ADD", "DEL", "CHECK", "VERSION"] as const;
export type CniCommand = typeof COMMANDS[number];

/** The parameters of every command except VERSION. */
export interface Attachment {
  readonly containerId: string;
  /** Path of the network namespace of the container. DEL may lack it, after the end of the namespace. */
  readonly netns: string | undefined;
  /** Name of the interface in the container. */
  readonly ifname: string;
}

type Read = (name: CniVariable) => string | undefined;

/** Reads the command. Throws `E_CNI_ENVIRONMENT`. */
export function readCommand(read: Read): CniCommand {
  const given = required(read, "CNI_COMMAND");
  const command = COMMANDS.find((each) => each === given);
  if (command) return command;
  throw environmentError(
    `CNI_COMMAND "${given}" is not supported`,
    `expected ${COMMANDS.join(", ")}`,
  );
}

/** Reads the parameters of `command`. Throws `E_CNI_ENVIRONMENT`. */
export function readAttachment(read: Read, command: CniCommand): Attachment {
  const containerId = required(read, "CNI_CONTAINERID");
  if (!/^[a-zA-Z0-9][\w.-]*$/.test(containerId)) {
    throw environmentError(`CNI_CONTAINERID "${containerId}" is not valid`);
  }
  const ifname = required(read, "CNI_IFNAME");
  if (!isInterfaceName(ifname)) {
    throw environmentError(
      `CNI_IFNAME "${ifname}" is not valid`,
      `expected ${INTERFACE_NAME_RULE}`,
    );
  }
  const netns = command === "DEL"
    ? read("CNI_NETNS")
    : required(read, "CNI_NETNS");
  return { containerId, netns, ifname };
}

/** Returns the directories in which plugins are searched. */
export function pluginDirectories(read: Read): string[] {
  return (read("CNI_PATH") ?? "").split(":").filter((path) => path !== "");
}

function required(read: Read, name: CniVariable): string {
  const value = read(name);
  if (value !== undefined) return value;
  throw environmentError(
    `Variable ${name} is missing`,
    "container runtimes set it; see CNI 1.0.0, section 2",
  );
}

function environmentError(message: string, hint?: string): IpoibError {
  return new IpoibError(
    "E_CNI_ENVIRONMENT",
    message,
    hint === undefined ? {} : { hint },
  );
}
