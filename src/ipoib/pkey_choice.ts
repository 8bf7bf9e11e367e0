/** Selection of an interface's P_Key: by index into the port's P_Key table (parent), or by value (child). */

import { FULL_MEMBER } from "../base/units.ts";

export type PkeyChoice = { readonly index: number } | {
  readonly value: number;
};

/** A P_Key and its index in the port's P_Key table. */
export interface FoundPkey {
  /** With the full-member bit set. */
  readonly pkey: number;
  /** -1 if the table lacks the P_Key. */
  readonly index: number;
}

/** Looks up the P_Key of a choice. Returns the P_Key `before` with index -1 if the indexed table entry is empty. */
export function findPkey(
  choice: PkeyChoice,
  table: readonly number[],
  before: number,
): FoundPkey {
  if ("value" in choice) {
    return {
      pkey: choice.value | FULL_MEMBER,
      index: indexOfPkey(table, choice.value),
    };
  }
  const pkey = table[choice.index];
  return pkey
    ? { pkey: pkey | FULL_MEMBER, index: choice.index }
    : { pkey: before, index: -1 };
}

/** Returns the index of a P_Key, preferring full to limited membership, or -1 (as Linux ib_find_pkey). */
function indexOfPkey(table: readonly number[], pkey: number): number {
  const low = pkey & ~FULL_MEMBER;
  const full = table.indexOf(low | FULL_MEMBER);
  return full >= 0 ? full : table.indexOf(low);
}
