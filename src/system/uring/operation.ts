/** What stands behind the completions of one tag. */

/** Flag of a completion: the operation goes on. */
export const CQE_MORE = 2;

export interface Operation {
  /** A completion: a result or a negative errno, its flags, and the detail of the user data. */
  complete(result: number, flags: number, detail: number): void;
}
