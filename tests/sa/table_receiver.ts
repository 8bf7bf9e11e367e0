/**
 * The receiving end of a table that comes in segments (IBTA vol. 1 13.6). It is strict: a segment that is not as the sender
 * must make it fails the test.
 *
 * The first segment, the last, and every one that fills the window are acknowledged; what comes again is
 * acknowledged again. Segments within the window may come in any order.
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

/** Segments that may come without an ACK between them, as Linux's MAD layer has it. */
const WINDOW = 64;

/** The ACK of a receiver: segments up to `segment` have come, those up to `window` may be sent. */
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
  /** Number and length of the last segment, once it is here. */
  #last = { segment: Infinity, length: 0 };

  /** Takes a DATA segment: the ACK to send, if there is one, and the records' bytes once they are whole. */
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
