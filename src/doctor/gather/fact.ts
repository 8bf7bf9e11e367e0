/** Conversion of results and errors to facts. */

import { IpoibError } from "../../base/errors.ts";
import type { Fact } from "../facts.ts";

/** Returns the result of `find`, or the message of its error. */
export async function factOf<T>(
  find: () => T | Promise<T>,
): Promise<Fact<T>> {
  try {
    return { value: await find() };
  } catch (error) {
    return { why: reasonOf(error) };
  }
}

/** Returns the message of an error as a clause, with its hint. */
export function reasonOf(error: unknown): string {
  const { message, hint } = IpoibError.from(error);
  const clause = message.replace(/^Cannot /, "cannot ");
  return hint === undefined ? clause : `${clause} (${hint})`;
}
