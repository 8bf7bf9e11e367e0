/** What fuzzed inputs run against: the same targets serve the suite and `deno task torture fuzz`. */

import { assert } from "@std/assert";

/** One kind of input. */
export interface FuzzTarget {
  /** Also the folder of its corpus below tests/fuzz. */
  readonly name: string;
  /** How inputs are mutated: as bytes only, as a JSON value too, or as text of which words are exchanged. */
  readonly kind: "bytes" | "json" | "text";
  /**
   * Inputs that one session takes before the next one is opened. Absent: an input leaves no state, and one session takes all.
   */
  readonly inputsPerSession?: number;
  open(): FuzzSession;
}

export interface FuzzSession {
  /**
   * Takes one input; true if it was accepted, false if it was refused as malformed. Throws where the program would crash, and
   * where a property does not hold.
   */
  run(input: Uint8Array): boolean | Promise<boolean>;
  /** Ends the session; throws if something is left that must not be. */
  close?(): void | Promise<void>;
}

/** A target without state. */
export function parserTarget(
  name: string,
  kind: FuzzTarget["kind"],
  run: (input: Uint8Array) => boolean,
): FuzzTarget {
  return { name, kind, open: () => ({ run }) };
}

/** As assertEquals(), at a hundredth of its cost. */
export function assertSameBytes(
  actual: Uint8Array,
  expected: Uint8Array,
): void {
  let same = actual.length === expected.length;
  for (let i = 0; same && i < actual.length; i++) {
    same = actual[i] === expected[i];
  }
  if (!same) assert(false, `${toHex(actual)} instead of ${toHex(expected)}`);
}

/** Lower-case hexadecimal digits. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}
