/** Interface of the fuzz targets, which the test suite and `deno task torture fuzz` run. */

import { assert } from "@std/assert";

/** A parser or component, and the inputs that it accepts. */
export interface FuzzTarget {
  /** Name, and folder of the corpus in tests/fuzz. */
  readonly name: string;
  /** Mutations of an input: of its bytes, also of its JSON value, or also of its words. */
  readonly kind: "bytes" | "json" | "text";
  /**
   * Number of inputs in a session. If absent, inputs leave no state and one session runs all of them.
   */
  readonly inputsPerSession?: number;
  /** Number of mutations in the full form of the suite, without a limit of time. Default: as in the short form. */
  readonly fullMutations?: number;
  open(): FuzzSession;
}

export interface FuzzSession {
  /**
   * Runs an input. Returns true if the target accepts it and false if the target refuses it. Throws if the target
   * crashes or violates a property.
   */
  run(input: Uint8Array): boolean | Promise<boolean>;
  /** Ends the session. Throws if the inputs have damaged the state or leaked resources. */
  close?(): void | Promise<void>;
}

/** Returns a target without state. */
export function parserTarget(
  name: string,
  kind: FuzzTarget["kind"],
  run: (input: Uint8Array) => boolean,
): FuzzTarget {
  return { name, kind, open: () => ({ run }) };
}

/** Same as assertEquals() for bytes, but much faster. */
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

/** Formats bytes as lower-case hexadecimal digits. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}
