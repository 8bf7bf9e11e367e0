/** Timing and limits of the connection manager. */

import type { Millis } from "../base/units.ts";

/** CM response timeout of Linux ib_ipoib, 4096 ms, and the minimum that replaces shorter ones, 128 ms. */
const MAX_RESPONSE_CODE = 20;
const MIN_RESPONSE_CODE = 15;
/** Retransmissions of a REQ or REP (Linux ib_ipoib `max_cm_retries`). */
export const MAX_CM_RETRIES = 15;
/** Minimum number of transmissions of a REQ before the establishment times out. */
const SENDS_PER_TIMEOUT = 4;
/** Transmissions of a DREQ. */
export const DREQ_SENDS = 8;
/** Number of times that the DREQ of an ended connection is repeated because the connection is established at the peer. */
export const MAX_DREQ_ROUNDS = 3;

/**
 * Time for which an ended connection keeps its communication ID and answers late messages. Longer than the time between
 * two transmissions of a peer, and than twice the packet life time of a subnet (1.07 s with OpenSM).
 */
export const TIMEWAIT_MS: Millis = 10_000;
/** Time after which a request that was neither accepted nor rejected is forgotten. */
export const REQUEST_TIMEOUT_MS: Millis = 30_000;

/** Connections of a port that have not ended. */
export const MAX_CONNECTIONS = 4096;
/** Passive connections of a port that are being established. */
export const MAX_PENDING = 512;
/** Ended connections of a port that are remembered. */
export const MAX_TIMEWAIT = 4096;

/** Local CA ACK delay that the messages state: 4.096 us times 2 to this power, 0.27 s (mlx5). */
export const CA_ACK_DELAY = 16;
/** Responder resources of a REQ of Linux ib_ipoib. */
export const RESPONDER_RESOURCES = 4;

/** Returns the time of a code in ms, with Linux' approximation of 4.096 us times 2 to the power of `code`. */
export function codeMillis(code: number): Millis {
  return 2 ** Math.max(code - 8, 0);
}

/** Returns the CM response timeout for an establishment that must end within `timeout`. */
export function responseCode(timeout: Millis): number {
  const code = 8 + Math.floor(Math.log2(timeout / SENDS_PER_TIMEOUT));
  return clampResponseCode(code);
}

/** Limits a CM response timeout, which may come from a peer. */
export function clampResponseCode(code: number): number {
  return Math.max(MIN_RESPONSE_CODE, Math.min(MAX_RESPONSE_CODE, code));
}

/**
 * Returns the local ACK timeout of a path: the time for a packet, its acknowledgement and the delay of the CA, rounded
 * up to a power of 2. 5 bits (IBTA vol. 1 12.7.34).
 */
export function ackTimeout(lifetime: number, ackDelay: number): number {
  const sum = 2 ** (lifetime + 1) + 2 ** ackDelay;
  return Math.min(31, Math.ceil(Math.log2(sum)));
}
