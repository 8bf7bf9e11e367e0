/**
 * GUIDs of the soft HCA, derived from the machine and from names, so that a restarted interface keeps its GUID.
 *
 * The first byte is 0x02 (locally administered EUI-64). The other bytes are the low 56 bits of a 64-bit FNV-1a hash.
 */

import { readSmallFile } from "../system/read_files.ts";

const OFFSET = 0xcbf29ce484222325n;
const PRIME = 0x100000001b3n;
const LOCAL = 0x02n << 56n;
const HASH_MASK = (1n << 56n) - 1n;

/** Returns the GUID of these names on this machine. */
export function makeGuid(...words: string[]): bigint {
  // machine-id(5), or the host name if that file is missing or empty.
  const machine = readSmallFile("/etc/machine-id")?.trim() || Deno.hostname();
  return guidOf(machine, ...words);
}

/** Returns the GUID of these names. */
export function guidOf(...words: string[]): bigint {
  let hash = OFFSET;
  for (const byte of new TextEncoder().encode(words.join("\0"))) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * PRIME);
  }
  return LOCAL | (hash & HASH_MASK);
}
