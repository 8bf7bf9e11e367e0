/**
 * The words of `ipoib subnet fault`, in the manner of `tc netem`.
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
import { usageError } from "./errors.ts";
import { parseInteger } from "./options.ts";

/** The seed of a rule that names none: the same words have the same effect. */
const DEFAULT_SEED = 1;

/** What happens to packets; ports are still as the user wrote them. */
export type FaultEffects = Omit<FaultRequest, "port">;

/** What is done to a port. */
export type PortAction =
  | { action: "down" | "up" | "reregister" }
  | { action: "lid"; lid?: number }
  | { action: "pkeys"; pkeys?: number[] };

/** What was asked for. */
export type FaultCommand =
  | { verb: "show" }
  | { verb: "set"; port?: string; effects: FaultEffects }
  | { verb: "clear"; port?: string }
  | { verb: "port"; port: string; operation: PortAction }
  | { verb: "kill-manager" };

const VERBS = ["show", "set", "clear", "port", "kill-manager"];
const SECONDS_TO_MS = 1000;

/** The words with the subnet's name, if the first of them is one, taken off. */
export function takeSubnetName(
  words: readonly string[],
): { name?: string; rest: readonly string[] } {
  const [first] = words;
  if (first === undefined || VERBS.includes(first)) return { rest: words };
  if (words.length > 1 && isSubnetName(first)) {
    return { name: first, rest: words.slice(1) };
  }
  throw usageError(
    `Word "${first}" is not known`,
    `one of ${VERBS.join(", ")}`,
  );
}

/** Reads the words after the subnet's name; throws `E_USAGE` with the word that is wrong. */
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
      if (rest[0] !== undefined) throw tooMany(rest[0]);
      return { verb };
    default:
      throw usageError(
        `Word "${verb}" is not known`,
        `one of ${VERBS.join(", ")}`,
      );
  }
}

type Field = keyof FaultEffects;

/** How each word's value is read. */
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

/** What each value looks like, for messages. */
const FORMS: Record<Field, string> = {
  drop: "a percentage from 0% to 100%",
  delay: `a time like 10ms, ${MAX_DELAY_MS / 1000}s at most`,
  jitter: `a time like 10ms, ${MAX_DELAY_MS / 1000}s at most`,
  duplicate: "a percentage from 0% to 100%",
  reorder: "a percentage from 0% to 100%",
  rate: "a rate like 100mbit or 1gbit",
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
      const known = ["port", ...Object.keys(READERS)].join(", ");
      throw usageError(`Word "${word}" is not known`, `one of ${known}`);
    }
    if (seen.has(word)) throw usageError(`Word "${word}" is there twice`);
    seen.add(word);
    if (text === undefined) throw usageError(`Word "${word}" needs a value`);
    if (word === "port") {
      port = text;
      continue;
    }
    const value = READERS[word](text);
    if (value === undefined) {
      throw usageError(
        `Value in "${word} ${text}" is wrong`,
        `it is ${FORMS[word]}`,
      );
    }
    effects[word] = value;
  }
  if (![...seen].some((word) => word !== "port" && word !== "seed")) {
    throw usageError(
      "It is not said what to do with the packets",
      "drop, delay, duplicate, reorder, rate",
    );
  }
  if (seen.has("jitter") && !seen.has("delay")) {
    throw usageError("Jitter needs a delay to vary", "add delay TIME");
  }
  return { verb: "set", ...(port === undefined ? {} : { port }), effects };
}

function parseClear(words: readonly string[]): FaultCommand {
  const [word, port, more] = words;
  if (word === undefined) return { verb: "clear" };
  if (word !== "port") throw tooMany(word);
  if (port === undefined) throw usageError('Word "port" needs a value');
  if (more !== undefined) throw tooMany(more);
  return { verb: "clear", port };
}

function parsePort(words: readonly string[]): FaultCommand {
  const [port, action, value, more] = words;
  if (port === undefined) throw usageError("The port is missing");
  if (more !== undefined) throw tooMany(more);
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
      if (value !== undefined) throw tooMany(value);
      return { action };
    case "lid": {
      if (value === undefined) return { action };
      const lid = parseInteger(value);
      if (lid === undefined || lid < 1 || lid > 0xbfff) {
        throw usageError(`Value "${value}" is not a LID`, "1 to 0xbfff");
      }
      return { action, lid };
    }
    case "pkeys": {
      if (value === undefined) return { action };
      const pkeys = value.split(",").map(parseInteger);
      if (pkeys.some((pkey) => pkey === undefined || pkey > 0xffff)) {
        throw usageError(
          `Value "${value}" is not a P_Key table`,
          "P_Keys with commas between, like 0xffff,0x8001",
        );
      }
      return { action, pkeys: pkeys as number[] };
    }
    default:
      throw usageError(
        action === undefined
          ? "It is not said what to do with the port"
          : `Word "${action}" is not known`,
        "one of down, up, lid, pkeys, reregister",
      );
  }
}

function tooMany(word: string): Error {
  return usageError(`Word "${word}" is one too many`);
}

/** `20` or `20%`. */
function percent(text: string): number | undefined {
  return inRange(/^(\d+(?:\.\d+)?)%?$/.exec(text)?.[1], 1, 100);
}

/** `10`, `10ms`, `0.5s`, `500us`. */
function milliseconds(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(us|ms|s)?$/.exec(text);
  const unit = { us: 1 / 1000, ms: 1, s: SECONDS_TO_MS }[match?.[2] ?? "ms"]!;
  return inRange(match?.[1], unit, MAX_DELAY_MS);
}

/** `100`, `100mbit`, `1gbit`, `500kbit`. */
function megabits(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([kmg]bit)?$/i.exec(text);
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
