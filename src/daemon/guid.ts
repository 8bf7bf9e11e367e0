/**
 * GUIDs of the embedded HCA: the same for the same machine and names, so that a restarted interface is known again.
 *
 * The first byte is 0x02, an EUI-64 that is locally administered; the other seven are a hash (64-bit FNV-1a).
 */

import { readSmallFile } from "../system/read_files.ts";

const OFFSET = 0xcbf29ce484222325n;
const PRIME = 0x100000001b3n;
const LOCAL = 0x02n << 56n;
const HASH_MASK = (1n << 56n) - 1n;

/** The GUID of what these words name on this machine. */
export function makeGuid(...words: string[]): bigint {
  // machine-id(5); the host's name where there is none.
  const machine = readSmallFile("/etc/machine-id")?.trim() || Deno.hostname();
  return guidOf(machine, ...words);
}

/** The GUID of words alone. */
export function guidOf(...words: string[]): bigint {
  let hash = OFFSET;
  for (const byte of new TextEncoder().encode(words.join("\0"))) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * PRIME);
  }
  return LOCAL | (hash & HASH_MASK);
}
