/**
 * The receiving end of a table that comes in segments (IBTA vol. 1 13.6; Linux `core/mad_rmpp.c` behaviour).
 *
 * The first segment, the last, and every one that fills the window are acknowledged; what comes again is
 * acknowledged again. Segments within the window may come in any order.
 */

import { abortMad, ackMad, RMPP_VERSION, RmppStatus } from "../wire/sa/rmpp.ts";
import {
  RmppFlag,
  RmppType,
  SA_DATA_LENGTH,
  SA_HEADER_LENGTH,
  type SaMad,
} from "../wire/sa/sa_mad.ts";

/** Segments that may come without an ACK between them, as Linux's MAD layer has it. */
export const WINDOW = 64;
/** More segments than any table has: 13 MB. */
const MAX_SEGMENTS = 1 << 16;

/** A whole table. */
export interface Table {
  data: Uint8Array;
  /** Bytes from one record to the next; 0 if there is none. */
  stride: number;
}

/** What to do after a segment: send `reply`; the transfer is over if there is a `table`, or if it `failed`. */
export interface TableStep {
  reply?: Uint8Array;
  table?: Table;
  failed?: boolean;
}

export class TableReceiver {
  /** By segment number, from 1. */
  readonly #segments = new Map<number, Uint8Array>();
  #received = 0;
  #window = WINDOW;
  /** Number and length of the last segment, once it is here. */
  #last = { segment: Infinity, length: 0 };
  #latest: SaMad | undefined;

  /** True once a segment has come. */
  get started(): boolean {
    return this.#latest !== undefined;
  }

  /** Takes a MAD of the transfer; its status is for the caller to check. */
  take(mad: SaMad): TableStep {
    const { flags, type, version, segment, payloadLength } = mad.rmpp;
    if ((flags & RmppFlag.Active) === 0) return { failed: true };
    if (type === RmppType.Stop || type === RmppType.Abort) {
      return { failed: true };
    }
    this.#latest = mad;
    if (version !== RMPP_VERSION) {
      return this.#fail(mad, RmppStatus.UnsupportedVersion);
    }
    if (type !== RmppType.Data) return this.#fail(mad, RmppStatus.BadType);
    const first = (flags & RmppFlag.First) !== 0;
    if (segment === 0 || first !== (segment === 1)) {
      return this.#fail(mad, RmppStatus.InconsistentFirst);
    }
    if (segment > MAX_SEGMENTS) return this.#fail(mad, RmppStatus.NoResources);
    if (segment <= this.#received) return this.#acknowledge(mad);
    if (segment > this.#window) return {};
    if ((flags & RmppFlag.Last) !== 0) {
      const header = first ? segment * SA_HEADER_LENGTH : SA_HEADER_LENGTH;
      const length = payloadLength - header;
      if (length < 0 || length > SA_DATA_LENGTH) {
        return this.#fail(mad, RmppStatus.InconsistentLength);
      }
      this.#last = { segment, length };
    }
    this.#segments.set(segment, mad.data.slice(0, SA_DATA_LENGTH));
    while (this.#segments.has(this.#received + 1)) this.#received++;
    if (this.#received >= this.#last.segment) {
      return { ...this.#acknowledge(mad), table: this.#table(mad) };
    }
    if (this.#received === this.#window) this.#window += WINDOW;
    else if (segment !== 1) return {};
    return this.#acknowledge(mad);
  }

  /** Ends a transfer whose next segment does not come; the packet that says so, if it had begun. */
  giveUp(): Uint8Array | undefined {
    return this.#latest && abortMad(this.#latest, RmppStatus.TotalTime);
  }

  #acknowledge(mad: SaMad): TableStep {
    return { reply: ackMad(mad, this.#received, this.#window) };
  }

  #fail(mad: SaMad, status: number): TableStep {
    return { reply: abortMad(mad, status), failed: true };
  }

  #table({ attributeOffset }: SaMad): Table {
    const { segment: count, length } = this.#last;
    const data = new Uint8Array((count - 1) * SA_DATA_LENGTH + length);
    for (let segment = 1; segment <= count; segment++) {
      const part = this.#segments.get(segment)!;
      data.set(
        segment === count ? part.subarray(0, length) : part,
        (segment - 1) * SA_DATA_LENGTH,
      );
    }
    return { data, stride: 8 * attributeOffset };
  }
}
