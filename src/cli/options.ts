/** Options and arguments that several commands share, and parsers of option values. */

import { parseGuid } from "../base/hex.ts";
import {
  type CommandUnknownOpts,
  InvalidArgumentError,
  Option,
} from "@commander-js/extra-typings";
import { usageError } from "./errors.ts";
import { isSubnetName } from "../ipc/up_options.ts";

/** The options of all commands, under the names of commander. */
export interface GlobalOptions {
  json?: true;
  pretty?: true;
  details?: true;
  stats?: true;
  oneline?: true;
  human?: true;
  allNetns?: true;
  timestamp?: true;
  brief?: true;
  family?: Family;
  color?: ColorChoice;
  netns?: string;
}

/** Option of `up` and `subnet run`. */
export const USER = [
  "--user <name>",
  "run as this user, with only the required capabilities",
] as const;

/** Option of `up` and `subnet run`. */
export const LOG = ["--log <level>", "minimum log level"] as const;

/** Option of `up` and `subnet run`. */
export const SUBNET_MTU = [
  "--subnet-mtu <bytes>",
  "IB MTU of the embedded subnet, 2048 or 4096",
  subnetMtu,
] as const;

/** Option of the `child` commands. */
export const PARENT = [
  "--parent <IF>",
  "parent interface (default: the only one in the namespace)",
] as const;

/** Description of an optional interface argument. */
export const INTERFACE = "interface (default: the only one in the namespace)";
/** Description of the interface argument of a command that shows all interfaces by default. */
export const INTERFACES = "interface (default: all in the namespace)";
/** Description of an optional subnet argument. */
export const SUBNET = "subnet name (default: the only one that is running)";

const COLOR_CHOICES = ["always", "auto", "never"] as const;
type ColorChoice = typeof COLOR_CHOICES[number];
const FAMILIES = ["inet", "inet6", "link"] as const;
/** An address family. `link` are link-layer addresses. */
export type Family = typeof FAMILIES[number];

/** Options with the letters of iproute2, except that `-h` prints help and `-H` prints human-readable numbers. */
const GLOBALS = [
  ["-j, --json", "print JSON with the keys of iproute2"],
  ["-p, --pretty", "indent JSON"],
  ["-d, --details", "print details"],
  ["-s, --stats", "print statistics"],
  ["-o, --oneline", "print each record on one line"],
  ["--br, --brief", "print each interface or neighbour as a row"],
  ["-H, --human", "print numbers with suffixes k, M, G, ..."],
  ["-a, --all-netns", "show the interfaces in all network namespaces"],
  ["-t, --timestamp", "print the time of each event"],
  ["-n, --netns <NS>", "network namespace: NAME, PID or PATH"],
] as const;

/** Adds the options of {@linkcode GlobalOptions} to the program. */
export function addGlobals(program: CommandUnknownOpts): void {
  for (const [flags, description] of GLOBALS) {
    program.option(flags, description);
  }
  program.addOption(
    new Option(
      "-f, --family <FAMILY>",
      "show only addresses of this family; -4: inet, -6: inet6, -0: link",
    ).choices(FAMILIES),
  );
  program.addOption(
    new Option("-c, --color [WHEN]", "use colors; auto: on a terminal")
      .choices(COLOR_CHOICES),
  );
}

/** Returns the options of all commands that were given before or after `command`. */
export function globalsOf(command: CommandUnknownOpts): GlobalOptions {
  return command.optsWithGlobals() as GlobalOptions;
}

/** Throws `E_USAGE` if `-j` was given to a command that prints no JSON. */
export function refuseJson(command: CommandUnknownOpts, hint?: string): void {
  if (!globalsOf(command).json) return;
  throw usageError(`Command ${command.name()} prints no JSON`, hint);
}

/** Returns a parser of numbers from `min` to `max`, in the notation of {@linkcode parseInteger}. */
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

/** PID_MAX_LIMIT of the kernel. */
export const MAX_PID = 4_194_304;

/** Parses an unsigned number in C notation (0x hexadecimal, 0 octal, otherwise decimal); undefined if invalid. */
export function parseInteger(text: string): number | undefined {
  if (/^0x[0-9a-f]{1,13}$/i.test(text)) return parseInt(text.slice(2), 16);
  if (/^0[0-7]{0,15}$/.test(text)) return parseInt(text, 8);
  return /^[1-9][0-9]{0,14}$/.test(text) ? parseInt(text, 10) : undefined;
}

/** Parses the P_Key of a child: 0x0001 to 0xffff except 0x8000. */
export function childPkey(text: string): number {
  const value = parseInteger(text);
  if (value === undefined || value < 1 || value > 0xffff || value === 0x8000) {
    throw new InvalidArgumentError(
      "It must be a P_Key from 0x0001 to 0xffff, not 0x8000.",
    );
  }
  return value;
}

/** Parses a nonzero GUID: up to 16 hexadecimal digits with or without 0x, or four groups with colons. */
export function guid(text: string): bigint {
  const value = parseGuid(text) ?? 0n;
  if (value === 0n) {
    throw new InvalidArgumentError(
      "It must be a nonzero GUID of 16 hexadecimal digits.",
    );
  }
  return value;
}

/** Parses the name of an embedded subnet. */
export function subnetName(text: string): string {
  if (isSubnetName(text)) return text;
  throw new InvalidArgumentError(
    "It must have 1 to 32 letters, digits, dots, hyphens or underscores, and no leading dot.",
  );
}

/** Parses the IB MTU of an embedded subnet, in bytes. */
function subnetMtu(text: string): 2048 | 4096 {
  if (text === "2048" || text === "4096") return Number(text) as 2048 | 4096;
  throw new InvalidArgumentError("It must be 2048 or 4096.");
}
