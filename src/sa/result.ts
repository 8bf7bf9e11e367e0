/**
 * What becomes of a request to the subnet administrator, with the error numbers of Linux's ib_sa: EINVAL if the
 * administrator answered with an error status, ETIMEDOUT if it did not answer.
 */

import type { Millis } from "../base/units.ts";

/** An answered request's record, or why there is none. */
export type SaResult<T> =
  | { ok: true; record: T }
  | {
    ok: false;
    /** MAD status of the answer; 0 if none came. */
    status: number;
    /** Positive errno. */
    errno: number;
  };

/** Called with what became of a request, and the time of it. */
export type SaCallback<T> = (result: SaResult<T>, now: Millis) => void;

/** A request under way. */
export interface SaRequest {
  /** Gives the request up; its callback will not be called. */
  cancel(): void;
}
