/** Parser of the parameters of `ethtool -C`, with the syntax and error messages of ethtool 6.1. */

/** Parameter names in the order of the kernel's netlink attributes. */
const PARAMETERS = [
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
];
const SWITCHES = new Set([
  "adaptive-rx",
  "adaptive-tx",
  "cqe-mode-tx",
  "cqe-mode-rx",
]);
const MAX_VALUE = 0xffffffff;

/** Invalid parameters. The message is that of ethtool. */
export class ParameterError extends Error {}

export function isParameter(word: string): boolean {
  return PARAMETERS.includes(word);
}

/** Parses `name value` pairs; `on` and `off` become 1 and 0. Throws {@linkcode ParameterError}. */
export function readParameters(
  words: readonly string[],
): Record<string, number> {
  const values: Record<string, number> = {};
  for (let i = 0; i < words.length; i += 2) {
    const name = words[i]!;
    const text = words[i + 1];
    if (!isParameter(name)) {
      throw new ParameterError(`unknown parameter '${name}'`);
    }
    if (Object.hasOwn(values, name)) {
      throw new ParameterError(`duplicate parameter '${name}'`);
    }
    if (text === undefined) {
      throw new ParameterError(`no value for parameter '${name}'`);
    }
    const value = SWITCHES.has(name) ? readSwitch(text) : readNumber(text);
    if (value === undefined) {
      throw new ParameterError(
        `invalid value '${text}' for parameter '${name}'`,
      );
    }
    values[name] = value;
  }
  return values;
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
