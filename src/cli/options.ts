/** The options that every command takes, before the object or after the command, and readers of option values. */

import { parseGuid } from "../base/hex.ts";
import {
  type CommandUnknownOpts,
  InvalidArgumentError,
  Option,
} from "@commander-js/extra-typings";
import { isSubnetName } from "../ipc/up_options.ts";

/** iproute2's letters, but `-h` is help and `-H` human numbers. */
export interface GlobalOptions {
  json?: true;
  pretty?: true;
  details?: true;
  stats?: true;
  oneline?: true;
  human?: true;
  netns?: string;
}

const NETNS = [
  "-n, --netns <NS>",
  "network namespace: a NAME, a PID or a PATH",
] as const;

/** Of commands that go on running. */
export const USER = [
  "--user <name>",
  "run as this user, with no other rights than are needed",
] as const;

/** Of the commands for children. */
export const PARENT = [
  "--parent <IF>",
  "default: the only one that runs here",
] as const;

const PRINTING = [
  ["-j, --json", "print JSON, with the keys of iproute2"],
  ["-p, --pretty", "indent the JSON"],
  ["-d, --details", "print more"],
  ["-s, --stats", "print statistics"],
  ["-o, --oneline", "print each record on one line"],
  ["-H, --human", "print numbers with k, M, G"],
] as const;

/** Adds the namespace option. */
export function addNetns<C extends CommandUnknownOpts>(command: C): C {
  command.option(...NETNS);
  return command;
}

/** Adds every option of {@linkcode GlobalOptions}; `hidden` ones are taken but not in the help. */
export function addGlobals(command: CommandUnknownOpts, hidden = false): void {
  for (const [flags, description] of [...PRINTING, NETNS]) {
    command.addOption(new Option(flags, description).hideHelp(hidden));
  }
}

/** The options of `command` and of those above it. */
export function globalsOf(command: CommandUnknownOpts): GlobalOptions {
  return command.optsWithGlobals() as GlobalOptions;
}

/** Reads a number as `%i` does (0x hexadecimal, 0 octal, else decimal), from `min` to `max`. */
export function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = parseInteger(text);
    if (value === undefined || value < min || value > max) {
      throw new InvalidArgumentError(
        `It must be a number from ${min} to ${max}.`,
      );
    }
    return value;
  };
}

/** A number in C's notation, or undefined. */
export function parseInteger(text: string): number | undefined {
  if (/^0x[0-9a-f]{1,13}$/i.test(text)) return parseInt(text.slice(2), 16);
  if (/^0[0-7]{0,15}$/.test(text)) return parseInt(text, 8);
  return /^[1-9][0-9]{0,14}$/.test(text) ? parseInt(text, 10) : undefined;
}

/** Reads a P_Key that a child may have: 1 to 0xffff, but not 0x8000. */
export function childPkey(text: string): number {
  const value = parseInteger(text);
  if (value === undefined || value < 1 || value > 0xffff || value === 0x8000) {
    throw new InvalidArgumentError(
      "It must be a P_Key from 0x0001 to 0xffff, not 0x8000.",
    );
  }
  return value;
}

/** Reads a GUID: 16 hexadecimal digits with or without 0x, or four groups with colons; not 0. */
export function guid(text: string): bigint {
  const value = parseGuid(text) ?? 0n;
  if (value === 0n) {
    throw new InvalidArgumentError(
      "It must be a GUID of 16 hexadecimal digits, not 0.",
    );
  }
  return value;
}

/** Reads the name of an embedded subnet. */
export function subnetName(text: string): string {
  if (isSubnetName(text)) return text;
  throw new InvalidArgumentError(
    "It must have 1 to 32 letters, digits, dots, dashes or underscores.",
  );
}

/** Reads the IB MTU of an embedded subnet. */
export function subnetMtu(text: string): 2048 | 4096 {
  if (text === "2048" || text === "4096") return Number(text) as 2048 | 4096;
  throw new InvalidArgumentError("It must be 2048 or 4096.");
}
