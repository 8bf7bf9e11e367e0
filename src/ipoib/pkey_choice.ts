/** Which P_Key an interface has: a place in the port's table (parent), or a value (child). */

import { FULL_MEMBER } from "../base/units.ts";

export type PkeyChoice = { readonly index: number } | {
  readonly value: number;
};

/** A P_Key and its position in the port's table, -1 while it is not there. */
export interface FoundPkey {
  /** With the full-member bit. */
  readonly pkey: number;
  readonly index: number;
}

/** Finds the P_Key of a choice; a place that is empty keeps the P_Key that was there before. */
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

/** Where a P_Key stands: as full member if it can be, else as limited, else -1 (Linux ib_find_pkey behaviour). */
function indexOfPkey(table: readonly number[], pkey: number): number {
  const low = pkey & ~FULL_MEMBER;
  const full = table.indexOf(low | FULL_MEMBER);
  return full >= 0 ? full : table.indexOf(low);
}
