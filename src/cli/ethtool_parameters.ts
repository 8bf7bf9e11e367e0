/**
 * Parser of the parameters of `ethtool -C` and `ethtool -G`, with the syntax and error messages of ethtool 6.1, and the
 * offsets that the kernel reports in its explanations of a refusal.
 */

import { textAttribute } from "./ethtool_features.ts";

/** The parameters of an option. */
export interface Grammar {
  readonly option: string;
  /** The names in the order of the kernel's netlink attributes. */
  readonly names: readonly string[];
  /** Names whose values are `on` and `off`. */
  readonly switches: readonly string[];
}

/** The parameters of `ethtool -C`. */
export const COALESCE: Grammar = {
  option: "-C",
  names: [
    "rx-usecs",
    "rx-frames",
    "rx-usecs-irq",
    "rx-frames-irq",
    "tx-usecs",
    "tx-frames",
    "tx-usecs-irq",
    "tx-frames-irq",
    "stats-block-usecs",
    "adaptive-rx",
    "adaptive-tx",
    "pkt-rate-low",
    "rx-usecs-low",
    "rx-frames-low",
    "tx-usecs-low",
    "tx-frames-low",
    "pkt-rate-high",
    "rx-usecs-high",
    "rx-frames-high",
    "tx-usecs-high",
    "tx-frames-high",
    "sample-interval",
    "cqe-mode-tx",
    "cqe-mode-rx",
  ],
  switches: ["adaptive-rx", "adaptive-tx", "cqe-mode-tx", "cqe-mode-rx"],
};

/** The parameters of `ethtool -G`. */
export const RINGS: Grammar = {
  option: "-G",
  names: [
    "rx",
    "rx-mini",
    "rx-jumbo",
    "tx",
    "rx-buf-len",
    "cqe-size",
    "tx-push",
  ],
  switches: ["tx-push"],
};

const MAX_VALUE = 0xffffffff;
/** Length in bytes of a netlink attribute with one number. */
const NUMBER_ATTRIBUTE = 8;

/** Invalid parameters. The message is that of ethtool. */
export class ParameterError extends Error {}

/** Values by name, in the order of the command line. */
export type Parameters = Record<string, number>;

/** Parses `name value` pairs; `on` and `off` become 1 and 0. Throws {@linkcode ParameterError}. */
export function readParameters(
  words: readonly string[],
  { option, names, switches }: Grammar,
): Parameters {
  const fail = (text: string) => {
    throw new ParameterError(`ethtool (${option}): ${text}`);
  };
  const values: Parameters = {};
  for (let i = 0; i < words.length; i += 2) {
    const name = words[i]!;
    const text = words[i + 1];
    if (!names.includes(name)) fail(`unknown parameter '${name}'`);
    if (Object.hasOwn(values, name)) fail(`duplicate parameter '${name}'`);
    if (text === undefined) return fail(`no value for parameter '${name}'`);
    const value = switches.includes(name) ? readSwitch(text) : readNumber(text);
    values[name] = value ??
      fail(`invalid value '${text}' for parameter '${name}'`);
  }
  return values;
}

/** Offset of a parameter in ethtool's message for the interface `ifname`, as the kernel reports it. */
export function parameterOffset(
  ifname: string,
  values: Parameters,
  name: string,
): number {
  // nlmsghdr, genlmsghdr, and the nested header with the name.
  const first = 16 + 4 + 4 + textAttribute(ifname);
  return first + NUMBER_ATTRIBUTE * Object.keys(values).indexOf(name);
}

function readSwitch(text: string): number | undefined {
  return text === "on" ? 1 : text === "off" ? 0 : undefined;
}

/** Parses an unsigned 32-bit number as strtoul(3) with base 0 does, without sign or white space. */
function readNumber(text: string): number | undefined {
  const value = /^0[0-7]+$/.test(text)
    ? parseInt(text, 8)
    : /^(0x[0-9a-f]+|[0-9]+)$/i.test(text) && !/^0[0-9]/.test(text)
    ? Number(text)
    : NaN;
  return value <= MAX_VALUE ? value : undefined;
}
