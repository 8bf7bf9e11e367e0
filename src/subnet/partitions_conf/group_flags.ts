/**
 * Parses the group flags of a partition: `mtu`, `rate`, `scope`, `Q_Key`, `TClass`, `sl`, `FlowLabel`.
 *
 * Flags may be abbreviated: a word selects the first flag, in this order, of which it is a prefix (as in OpenSM's
 * osm_prtn_config.c).
 */

import type { Word } from "./statements.ts";

export interface GroupFlags {
  /** MTU code. */
  mtu: number;
  /** Rate code. */
  rate: number;
  sl: number;
  /** Bit mask of the scopes given: bit n for scope n. */
  scopes: number;
  qkey: number;
  tclass: number;
  flowLabel: number;
}

/** OpenSM's defaults: 2048 bytes, 10 Gb/s. */
export const DEFAULT_FLAGS: Readonly<GroupFlags> = Object.freeze({
  mtu: 4,
  rate: 3,
  sl: 0,
  scopes: 0,
  qkey: 0,
  tclass: 0,
  flowLabel: 0,
});

type Warn = (word: Word, message: string) => void;

/** In the order in which abbreviations are resolved. */
const FLAGS: readonly [
  string,
  (flags: GroupFlags, word: Word, warn: Warn) => void,
][] = [
  ["mtu", (flags, word, warn) => assign(flags, "mtu", word, warn)],
  ["rate", (flags, word, warn) => assign(flags, "rate", word, warn)],
  ["scope", (flags, word, warn) => {
    const scope = leadingNumber(word.value ?? "");
    if (scope === 0 || scope > 15) {
      warn(word, "scope is not in the range 1 to 15, flag ignored");
    } else flags.scopes |= 1 << scope;
  }],
  ["Q_Key", (flags, word, warn) => assign(flags, "qkey", word, warn)],
  ["TClass", (flags, word, warn) => assign(flags, "tclass", word, warn)],
  ["sl", (flags, word, warn) => {
    const sl = numberOf(word.value);
    if (sl === undefined || sl > 15) {
      warn(word, "sl is not in the range 0 to 15, flag ignored");
    } else flags.sl = sl;
  }],
  ["FlowLabel", (flags, word, warn) => {
    const label = numberOf(word.value);
    if (label === undefined || label > 0xfffff) {
      warn(word, "FlowLabel is not in the range 0 to 0xfffff, flag ignored");
    } else flags.flowLabel = label;
  }],
];

/** Applies a flag to `flags`; returns false if the word is not a group flag. */
export function applyGroupFlag(
  flags: GroupFlags,
  word: Word,
  warn: Warn,
): boolean {
  const flag = FLAGS.find(([name]) => name.startsWith(word.name));
  flag?.[1](flags, word, warn);
  return flag !== undefined;
}

/**
 * Parses an unsigned number as strtoul(3) with base 0: decimal, octal after 0, hexadecimal after 0x. Returns undefined
 * unless the whole text is such a number.
 */
export function numberOf(text: string | undefined): number | undefined {
  const value = bigOf(text);
  return value === undefined ? undefined : Number(value);
}

/** Parses a number as {@linkcode numberOf} does, but exactly, with any number of bits. */
export function bigOf(text: string | undefined): bigint | undefined {
  if (text === undefined) return undefined;
  if (/^(0x[0-9a-f]+|0|[1-9][0-9]*)$/i.test(text)) return BigInt(text);
  return /^0[0-7]+$/.test(text) ? BigInt(`0o${text.slice(1)}`) : undefined;
}

/** Parses the number at the beginning of a text, as strtoul(3) with base 0. Returns 0 if there is none. */
function leadingNumber(text: string): number {
  const found = /^(0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)/i.exec(text);
  return numberOf(found?.[0]) ?? 0;
}

function assign(
  flags: GroupFlags,
  field: "mtu" | "rate" | "qkey" | "tclass",
  word: Word,
  warn: Warn,
): void {
  if (word.value === undefined) {
    warn(word, `${word.name} has no value, flag ignored`);
    return;
  }
  const value = leadingNumber(word.value);
  if (numberOf(word.value) === undefined) {
    warn(word, `"${word.value}" is not a number, ${value} used`);
  }
  flags[field] = field === "tclass" ? value & 0xff : value >>> 0;
}
