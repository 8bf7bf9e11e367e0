/**
 * The receiver side of RMPP, for tests (IBTA vol. 1 13.6). It asserts that each segment conforms to the protocol.
 *
 * It acknowledges the first segment, the last, each segment that completes the window, and each duplicate. Segments
 * within the window may arrive in any order.
 */

import { assert, assertEquals } from "@std/assert";
import { Method } from "../../src/wire/mad.ts";
import { RMPP_VERSION } from "../../src/wire/sa/rmpp.ts";
import {
  NO_RMPP,
  RmppFlag,
  RmppType,
  SA_DATA_LENGTH,
  SA_HEADER_LENGTH,
  SaMad,
} from "../../src/wire/sa/sa_mad.ts";

/** Number of segments in the window, as in the Linux MAD layer. */
const WINDOW = 64;

/** Returns an ACK: segments up to `segment` have arrived, segments up to `window` may be sent. */
export function ackMad(
  data: SaMad,
  segment: number,
  window: number,
): Uint8Array {
  return SaMad.emit({
    ...data,
    method: Method.GetTable,
    data: new Uint8Array(0),
    rmpp: {
      ...NO_RMPP,
      version: RMPP_VERSION,
      type: RmppType.Ack,
      flags: RmppFlag.Active,
      segment,
      payloadLength: window,
    },
  });
}

export class TableReceiver {
  /** By segment number, from 1. */
  readonly #segments = new Map<number, Uint8Array>();
  #received = 0;
  #window = WINDOW;
  /** Number of the last segment, Infinity before it arrives, and its length in bytes. */
  #last = { segment: Infinity, length: 0 };

  /** Handles a DATA segment. Returns the ACK to send, if any, and the bytes of the table when it is complete. */
  take(mad: SaMad): { ack?: Uint8Array; table?: Uint8Array } {
    const { flags, version, type, segment, payloadLength } = mad.rmpp;
    assertEquals([version, type], [RMPP_VERSION, RmppType.Data]);
    const first = (flags & RmppFlag.First) !== 0;
    assertEquals(first, segment === 1);
    assert(segment <= this.#window, `segment ${segment} is not allowed yet`);
    if (segment <= this.#received) return { ack: this.#ack(mad) };
    if ((flags & RmppFlag.Last) !== 0) {
      const headers = (first ? segment : 1) * SA_HEADER_LENGTH;
      const length = payloadLength - headers;
      assert(length >= 0 && length <= SA_DATA_LENGTH, `${length} bytes`);
      this.#last = { segment, length };
    }
    this.#segments.set(segment, mad.data.slice());
    while (this.#segments.has(this.#received + 1)) this.#received++;
    if (this.#received === this.#last.segment) {
      return { ack: this.#ack(mad), table: this.#table() };
    }
    if (this.#received === this.#window) this.#window += WINDOW;
    else if (segment !== 1) return {};
    return { ack: this.#ack(mad) };
  }

  #ack(mad: SaMad): Uint8Array {
    return ackMad(mad, this.#received, this.#window);
  }

  #table(): Uint8Array {
    const { segment: count, length } = this.#last;
    const table = new Uint8Array((count - 1) * SA_DATA_LENGTH + length);
    for (const [segment, data] of this.#segments) {
      const part = segment === count ? data.subarray(0, length) : data;
      table.set(part, (segment - 1) * SA_DATA_LENGTH);
    }
    return table;
  }
}
