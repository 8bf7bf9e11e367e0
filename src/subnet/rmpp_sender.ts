/**
 * Tables under way to ports, segment by segment (IBTA vol. 1 13.6; Linux `core/mad_rmpp.c` behaviour).
 *
 * The first segment goes out alone; its ACK opens a window. What is not acknowledged in time is sent again
 * from the first segment that is missing, {@linkcode REPORT_SENDS} times in all; then the transfer is aborted.
 */

import type { Millis } from "../base/units.ts";
import { responseMethod } from "../wire/mad.ts";
import { abortMad, RMPP_VERSION, RmppStatus } from "../wire/sa/rmpp.ts";
import { RmppFlag, RmppType, SaMad } from "../wire/sa/sa_mad.ts";
import type { SubnetPort } from "./ports.ts";
import { REPORT_SENDS, REPORT_TIMEOUT_MS } from "./traps.ts";

/** Transfers of one port at a time; what is beyond gets no answer, as from a busy administrator. */
export const MAX_TRANSFERS = 16;

interface Transfer {
  readonly port: SubnetPort;
  readonly segments: readonly Uint8Array[];
  /** Segments acknowledged, sent, and allowed. */
  acknowledged: number;
  sent: number;
  window: number;
  sendsLeft: number;
  deadline: Millis;
}

export class RmppSender {
  readonly #transfers = new Map<string, Transfer>();
  readonly #send: (port: SubnetPort, mad: Uint8Array) => void;

  constructor(send: (port: SubnetPort, mad: Uint8Array) => void) {
    this.#send = send;
  }

  /** Begins a transfer, or begins it again if the port has asked again; false if the port has too many. */
  start(
    port: SubnetPort,
    request: SaMad,
    segments: readonly Uint8Array[],
    now: Millis,
  ): boolean {
    const key = keyOf(port, request);
    const own = [...this.#transfers.values()].filter((t) => t.port === port);
    if (own.length >= MAX_TRANSFERS && !this.#transfers.has(key)) return false;
    const transfer: Transfer = {
      port,
      segments,
      acknowledged: 0,
      sent: 0,
      window: 1,
      sendsLeft: REPORT_SENDS - 1,
      deadline: now + REPORT_TIMEOUT_MS,
    };
    this.#transfers.set(key, transfer);
    this.#sendWindow(transfer);
    return true;
  }

  /** Takes an ACK, STOP or ABORT; false if the MAD is none of them. */
  handle(port: SubnetPort, mad: SaMad, now: Millis): boolean {
    const { flags, type, version } = mad.rmpp;
    if ((flags & RmppFlag.Active) === 0 || type === RmppType.None) return false;
    const key = keyOf(port, mad);
    const transfer = this.#transfers.get(key);
    if (transfer === undefined) return true;
    if (type === RmppType.Stop || type === RmppType.Abort) {
      this.#transfers.delete(key);
    } else if (version !== RMPP_VERSION) {
      this.#abort(key, mad, RmppStatus.UnsupportedVersion);
    } else if (type !== RmppType.Ack) {
      this.#abort(key, mad, RmppStatus.BadType);
    } else this.#acknowledge(key, transfer, mad, now);
    return true;
  }

  /** Ends everything of a port that is gone. */
  removePort(port: SubnetPort): void {
    for (const [key, transfer] of this.#transfers) {
      if (transfer.port === port) this.#transfers.delete(key);
    }
  }

  /** Repeats what is due; returns when to call again, or Infinity. */
  tick(now: Millis): Millis {
    let next = Infinity;
    for (const [key, transfer] of this.#transfers) {
      if (transfer.deadline <= now) {
        if (transfer.sendsLeft === 0) {
          const data = SaMad.parse(transfer.segments[0]!)!;
          this.#abort(key, data, RmppStatus.TooManyRetries);
          continue;
        }
        transfer.sendsLeft--;
        transfer.deadline = now + REPORT_TIMEOUT_MS;
        transfer.sent = transfer.acknowledged;
        this.#sendWindow(transfer);
      }
      next = Math.min(next, transfer.deadline);
    }
    return next;
  }

  #acknowledge(
    key: string,
    transfer: Transfer,
    mad: SaMad,
    now: Millis,
  ): void {
    const { segment, payloadLength: window } = mad.rmpp;
    if (segment > transfer.sent) {
      this.#abort(key, mad, RmppStatus.SegmentTooBig);
      return;
    }
    if (window < segment) {
      this.#abort(key, mad, RmppStatus.WindowTooSmall);
      return;
    }
    if (segment < transfer.acknowledged) return;
    if (segment > transfer.acknowledged) transfer.sendsLeft = REPORT_SENDS - 1;
    transfer.acknowledged = segment;
    transfer.window = Math.max(transfer.window, window);
    transfer.deadline = now + REPORT_TIMEOUT_MS;
    if (segment === transfer.segments.length) this.#transfers.delete(key);
    else this.#sendWindow(transfer);
  }

  #sendWindow(transfer: Transfer): void {
    const { segments, window } = transfer;
    while (transfer.sent < Math.min(window, segments.length)) {
      this.#send(transfer.port, segments[transfer.sent++]!);
    }
  }

  #abort(key: string, mad: SaMad, status: number): void {
    const { port } = this.#transfers.get(key)!;
    this.#transfers.delete(key);
    this.#send(port, abortMad(mad, responseMethod(mad.method), status));
  }
}

/** A transfer is known by the port and the TransactionID. */
function keyOf(port: SubnetPort, { transactionId }: SaMad): string {
  return `${port.connection}/${transactionId}`;
}
