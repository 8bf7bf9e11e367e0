/** Mutates inputs as bytes, as text, or as JSON values. */

import type { Random } from "../../../tests/wire/support.ts";
import { mutateJson } from "./json_mutation.ts";

/** Boundary values of fields of 8, 16 and 32 bits, and their neighbours. */
const INTERESTING = [
  ...[0, 1, 2, 4, 7, 8, 16, 20, 32, 40, 63, 64, 100, 127, 128, 254, 255],
  ...[256, 512, 1023, 1024, 2044, 2048, 4096, 32767, 32768, 65534, 65535],
  ...[65536, 0xc000, 0xbfff, 0xfffe, 0x7ffffffe, 0x7fffffff, 0x80000000],
  ...[0xfffffffe, 0xffffffff],
];
const MAX_LENGTH = 8192;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Returns a mutation of an input of the corpus. */
export function mutate(
  kind: "bytes" | "json" | "text",
  corpus: readonly Uint8Array[],
  next: Random,
): Uint8Array {
  let input = corpus[next(corpus.length)]!;
  if (kind === "json" && next(4) !== 0) {
    const text = mutateJson(
      decoder.decode(input),
      next,
      () => decoder.decode(corpus[next(corpus.length)]!),
    );
    if (text !== undefined) {
      input = encoder.encode(text);
      if (next(8) !== 0) return input;
    }
  }
  if (kind === "text" && next(4) !== 0) {
    return encoder.encode(
      exchangeWords(
        decoder.decode(input),
        decoder.decode(corpus[next(corpus.length)]!),
        next,
      ),
    );
  }
  for (let times = 1 + next(4); times > 0; times--) {
    input = mutateBytes(input, corpus, next);
  }
  return input;
}

/** Applies one mutation to the bytes. */
function mutateBytes(
  input: Uint8Array,
  corpus: readonly Uint8Array[],
  next: Random,
): Uint8Array {
  const length = input.length;
  const which = next(12);
  if (length === 0 || which === 0) return insert(input, next);
  if (which === 1) return input.subarray(0, next(length));
  if (which === 2) return splice(input, corpus[next(corpus.length)]!, next);
  if (which === 3) return remove(input, next);
  if (which === 4) return repeat(input, next);
  const copy = input.slice();
  const at = next(length);
  if (which <= 6) copy[at]! ^= 1 << next(8);
  else if (which === 7) copy[at] = next(256);
  else if (which === 8) {
    copy[at] = (copy[at]! + (next(2) ? 1 : -1) * (1 + next(16))) & 255;
  } else writeInteresting(copy, at, next);
  return copy;
}

function writeInteresting(bytes: Uint8Array, at: number, next: Random): void {
  const value = INTERESTING[next(INTERESTING.length)]!;
  const width = [1, 2, 4][next(3)]!;
  const little = next(4) === 0;
  for (let i = 0; i < width && at + i < bytes.length; i++) {
    bytes[at + i] = value >>> 8 * (little ? i : width - 1 - i);
  }
}

function insert(input: Uint8Array, next: Random): Uint8Array {
  const at = next(input.length + 1);
  const count = 1 + next(16);
  const made = new Uint8Array(input.length + count);
  made.set(input.subarray(0, at));
  made.set(input.subarray(at), at + count);
  const fill = next(3);
  for (let i = 0; i < count; i++) {
    made[at + i] = fill === 0 ? 0 : fill === 1 ? 255 : next(256);
  }
  return made;
}

function remove(input: Uint8Array, next: Random): Uint8Array {
  const from = next(input.length);
  const count = 1 + next(Math.min(16, input.length - from));
  const made = new Uint8Array(input.length - count);
  made.set(input.subarray(0, from));
  made.set(input.subarray(from + count), from);
  return made;
}

function repeat(input: Uint8Array, next: Random): Uint8Array {
  const from = next(input.length);
  const part = input.subarray(from, from + 1 + next(64));
  if (input.length + part.length > MAX_LENGTH) return input.subarray(0, from);
  const made = new Uint8Array(input.length + part.length);
  made.set(input);
  made.copyWithin(from + part.length, from, input.length);
  made.set(part, from);
  return made;
}

/** Joins the start of one input and the end of another. */
function splice(
  input: Uint8Array,
  other: Uint8Array,
  next: Random,
): Uint8Array {
  const head = input.subarray(0, next(input.length + 1));
  const tail = other.subarray(next(other.length + 1));
  const made = new Uint8Array(Math.min(head.length + tail.length, MAX_LENGTH));
  made.set(head.subarray(0, made.length));
  if (made.length > head.length) {
    made.set(tail.subarray(0, made.length - head.length), head.length);
  }
  return made;
}

const TOKEN = /[A-Za-z0-9_.-]+|\s+|[^A-Za-z0-9_.\s-]/g;
const WORDS = [
  ...["0", "-1", "65535", "65536", "0xffff", "0x8000", "4294967296", "1e9"],
  ...["", "=", ":", ";", ",", "#", "\0", "\n", "0x", "%", "..", "/", "\u00fc"],
];

/** Removes, inserts or replaces words of a text. New words are predefined or from another text. */
function exchangeWords(text: string, other: string, next: Random): string {
  const tokens: string[] = text.match(TOKEN) ?? [];
  const others: string[] = other.match(TOKEN) ?? [];
  for (let times = 1 + next(4); times > 0; times--) {
    const at = next(tokens.length + 1);
    const word = next(3) === 0 || others.length === 0
      ? WORDS[next(WORDS.length)]!
      : others[next(others.length)]!;
    const which = next(4);
    if (which === 0) tokens.splice(at, 1);
    else if (which === 1) tokens.splice(at, 0, word);
    else if (which === 2) tokens.splice(at, 1, word);
    else tokens.splice(at, 0, ...others.slice(0, next(others.length + 1)));
  }
  return tokens.join("").slice(0, MAX_LENGTH);
}
