/**
 * Result of a request to the subnet administrator, with the errno values of Linux ib_sa: EINVAL for a response with an
 * error status or unreadable data, ETIMEDOUT if there was no response, the errno of the device if it has refused the
 * request, and ENETDOWN for a leave on a port that is not active.
 */

import { errnoText } from "../base/errno.ts";
import type { Millis } from "../base/units.ts";

/** Why a request has failed. */
export interface SaFailure {
  /** MAD status of the response; 0 if there was none, or if its data could not be read. */
  status: number;
  /** Positive errno. */
  errno: number;
  /** True if the device has refused to send the request: `errno` is then that of the device. */
  unsent?: boolean;
}

/** The record of a successful response, or the failure. */
export type SaResult<T> = { ok: true; record: T } | { ok: false } & SaFailure;

/** Describes the failure of a request that the device has refused to send. */
export function unsentText(errno: number): string {
  return `the device refuses MADs: ${errnoText(errno)}`;
}

/** Called with the result of a request and the time of completion. */
export type SaCallback<T> = (result: SaResult<T>, now: Millis) => void;

/** A pending request. */
export interface SaRequest {
  /** Cancels the request. Its callback is not called. No effect on a completed request. */
  cancel(): void;
}
