/**
 * Parser of the arguments of `ipoib subnet fault`, which follow the style of `tc netem`.
 *
 * ```
 * [NAME] show
 * [NAME] set [port PORT] [drop P%] [delay TIME [jitter TIME]] [duplicate P%] [reorder P%] [rate RATE] [seed N]
 * [NAME] clear [port PORT]
 * [NAME] port PORT down|up|reregister
 * [NAME] port PORT lid [LID]
 * [NAME] port PORT pkeys [PKEY[,PKEY...]]
 * [NAME] kill-manager
 * ```
 */

import {
  type FaultRequest,
  MAX_DELAY_MS,
  MAX_RATE_MBPS,
} from "../ipc/schema/fault_records.ts";
import { isSubnetName } from "../ipc/up_options.ts";
import { NONE, words } from "./completion/candidates.ts";
import { keywords, type Operands } from "./completion/grammar.ts";
import { SUBNET_PORTS, SUBNETS } from "./completion/live.ts";
import { usageError } from "./errors.ts";
import { parseInteger } from "./options.ts";

/** Seed of a rule without a `seed` argument. It is fixed, so that the same rule affects the same packets. */
const DEFAULT_SEED = 1;

/** The effects of a rule and its seed, without the port. */
export type FaultEffects = Omit<FaultRequest, "port">;

/** An operation on a port. */
export type PortAction =
  | { action: "down" | "up" | "reregister" }
  | { action: "lid"; lid?: number }
  | { action: "pkeys"; pkeys?: number[] };

/** A parsed command line. `port` is the argument as given: an interface name, a LID or a GUID. */
export type FaultCommand =
  | { verb: "show" }
  | { verb: "set"; port?: string; effects: FaultEffects }
  | { verb: "clear"; port?: string }
  | { verb: "port"; port: string; operation: PortAction }
  | { verb: "kill-manager" };

const VERBS = ["show", "set", "clear", "port", "kill-manager"];
const PORT_ACTIONS = ["down", "up", "lid", "pkeys", "reregister"];
const SECONDS_TO_MS = 1000;

/** Splits a leading subnet name from the arguments. Throws `E_USAGE` if the first one is neither a verb nor a name. */
export function takeSubnetName(
  words: readonly string[],
): { name?: string; rest: readonly string[] } {
  const [first] = words;
  if (first === undefined || VERBS.includes(first)) return { rest: words };
  if (words.length > 1 && isSubnetName(first)) {
    return { name: first, rest: words.slice(1) };
  }
  throw unknownArgument(first, VERBS);
}

/** Parses the arguments after the subnet name. Throws `E_USAGE`. */
export function parseFault(words: readonly string[]): FaultCommand {
  const [verb = "show", ...rest] = words;
  switch (verb) {
    case "set":
      return parseSet(rest);
    case "clear":
      return parseClear(rest);
    case "port":
      return parsePort(rest);
    case "show":
    case "kill-manager":
      if (rest[0] !== undefined) throw unexpected(rest[0]);
      return { verb };
    default:
      throw unknownArgument(verb, VERBS);
  }
}

type Field = keyof FaultEffects;

/** Parser of the value of each field: percentages, milliseconds, megabits per second, or a 32-bit number. */
const READERS: Record<Field, (text: string) => number | undefined> = {
  drop: percent,
  delay: milliseconds,
  jitter: milliseconds,
  duplicate: percent,
  reorder: percent,
  rate: megabits,
  seed: (text) => {
    const value = parseInteger(text);
    return value !== undefined && value <= 0xffffffff ? value : undefined;
  },
};

/** Description of the expected value of each field, for hints. */
const FORMS: Record<Field, string> = {
  drop: "a percentage from 0% to 100%",
  delay: `a time with its unit such as 10ms, at most ${MAX_DELAY_MS / 1000}s`,
  jitter: `a time with its unit such as 10ms, at most ${MAX_DELAY_MS / 1000}s`,
  duplicate: "a percentage from 0% to 100%",
  reorder: "a percentage from 0% to 100%",
  rate: "a rate with its unit such as 100mbit or 1gbit",
  seed: "a number from 0 to 4294967295",
};

function isField(word: string): word is Field {
  return Object.hasOwn(READERS, word);
}

function parseSet(words: readonly string[]): FaultCommand {
  const effects: FaultEffects = { seed: DEFAULT_SEED };
  const seen = new Set<string>();
  let port: string | undefined;
  for (let i = 0; i < words.length; i += 2) {
    const word = words[i]!;
    const text = words[i + 1];
    if (word !== "port" && !isField(word)) {
      throw unknownArgument(word, ["port", ...Object.keys(READERS)]);
    }
    if (seen.has(word)) throw usageError(`Duplicate argument "${word}"`);
    seen.add(word);
    if (text === undefined) throw missingValue(word);
    if (word === "port") {
      port = text;
      continue;
    }
    const value = READERS[word](text);
    if (value === undefined) {
      throw usageError(
        `Invalid value in "${word} ${text}"`,
        `expected ${FORMS[word]}`,
      );
    }
    effects[word] = value;
  }
  if (![...seen].some((word) => word !== "port" && word !== "seed")) {
    throw usageError(
      "No effect given",
      "expected drop, delay, duplicate, reorder, rate",
    );
  }
  if (seen.has("jitter") && !seen.has("delay")) {
    throw usageError("Jitter requires a delay", "add delay TIME");
  }
  return { verb: "set", ...(port === undefined ? {} : { port }), effects };
}

function parseClear(words: readonly string[]): FaultCommand {
  const [word, port, more] = words;
  if (word === undefined) return { verb: "clear" };
  if (word !== "port") throw unexpected(word);
  if (port === undefined) throw missingValue(word);
  if (more !== undefined) throw unexpected(more);
  return { verb: "clear", port };
}

function parsePort(words: readonly string[]): FaultCommand {
  const [port, action, value, more] = words;
  if (port === undefined) throw missingValue("port");
  if (more !== undefined) throw unexpected(more);
  return { verb: "port", port, operation: portAction(action, value) };
}

function portAction(
  action: string | undefined,
  value: string | undefined,
): PortAction {
  switch (action) {
    case "down":
    case "up":
    case "reregister":
      if (value !== undefined) throw unexpected(value);
      return { action };
    case "lid": {
      if (value === undefined) return { action };
      const lid = parseInteger(value);
      if (lid === undefined || lid < 1 || lid > 0xbfff) {
        throw usageError(
          `"${value}" is not a unicast LID`,
          "expected 1 to 0xbfff",
        );
      }
      return { action, lid };
    }
    case "pkeys": {
      if (value === undefined) return { action };
      const pkeys = value.split(",").map(parseInteger);
      if (pkeys.some((pkey) => pkey === undefined || pkey > 0xffff)) {
        throw usageError(
          `"${value}" is not a P_Key table`,
          "expected comma-separated P_Keys such as 0xffff,0x8001",
        );
      }
      return { action, pkeys: pkeys as number[] };
    }
    case undefined:
      throw usageError(
        "No action given for the port",
        `expected ${PORT_ACTIONS.join(", ")}`,
      );
    default:
      throw unknownArgument(action, PORT_ACTIONS);
  }
}

/** The operands, for completion. */
export const faultOperands: Operands = (given, end) => {
  const [first, ...more] = given;
  if (first === undefined) return [words(...VERBS), SUBNETS];
  if (!VERBS.includes(first)) {
    return more.length === 0 ? [words(...VERBS)] : faultOperands(more, end);
  }
  if (first === "set") return RULE(more, end);
  if (first === "clear") return CLEAR(more, end);
  if (first !== "port") return [];
  return [[SUBNET_PORTS], [words(...PORT_ACTIONS)]][more.length] ?? [];
};

const CLEAR = keywords({ values: { port: SUBNET_PORTS } });
const RULE = keywords({
  values: {
    port: SUBNET_PORTS,
    ...Object.fromEntries(Object.keys(READERS).map((word) => [word, NONE])),
  },
});

function unknownArgument(word: string, known: readonly string[]): Error {
  return usageError(
    `Unknown argument "${word}"`,
    `expected ${known.join(", ")}`,
  );
}

function missingValue(word: string): Error {
  return usageError(`Argument "${word}" requires a value`);
}

function unexpected(word: string): Error {
  return usageError(`Unexpected argument "${word}"`);
}

/** `20` or `20%`. */
function percent(text: string): number | undefined {
  return inRange(/^(\d+(?:\.\d+)?)%?$/.exec(text)?.[1], 1, 100);
}

/** `10ms`, `0.5s`, `500us`. Without a unit, `tc` reads microseconds. */
function milliseconds(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(us|ms|s)$/.exec(text);
  const unit = { us: 1 / 1000, ms: 1, s: SECONDS_TO_MS }[match?.[2] ?? "ms"]!;
  return inRange(match?.[1], unit, MAX_DELAY_MS);
}

/** `100mbit`, `1gbit`, `500kbit`. Without a unit, `tc` reads bits per second. */
function megabits(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([kmg]bit)$/i.exec(text);
  const unit = { k: 1 / 1000, m: 1, g: 1000 }[
    (match?.[2]?.[0] ?? "m").toLowerCase()
  ]!;
  return inRange(match?.[1], unit, MAX_RATE_MBPS) || undefined;
}

function inRange(
  digits: string | undefined,
  unit: number,
  max: number,
): number | undefined {
  if (digits === undefined) return undefined;
  const value = Number(digits) * unit;
  return value <= max ? value : undefined;
}
