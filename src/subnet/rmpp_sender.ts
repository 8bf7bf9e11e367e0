/**
 * The sender side of RMPP: transmits tables to ports in segments (IBTA vol. 1 13.6, as Linux `core/mad_rmpp.c`).
 *
 * The sender transmits the first segment alone; its ACK opens the window. On a time-out the sender retransmits from the
 * first unacknowledged segment. After {@linkcode REPORT_SENDS} transmissions without progress, it aborts the transfer.
 */

import type { Millis } from "../base/units.ts";
import { responseMethod } from "../wire/mad.ts";
import { abortMad, RMPP_VERSION, RmppStatus } from "../wire/sa/rmpp.ts";
import { RmppFlag, RmppType, SaMad } from "../wire/sa/sa_mad.ts";
import type { SubnetPort } from "./ports.ts";
import { REPORT_SENDS, REPORT_TIMEOUT_MS } from "./traps.ts";

/** Maximum number of concurrent transfers to one port. Further requests get no answer, as from a busy administrator. */
export const MAX_TRANSFERS = 16;

interface Transfer {
  readonly port: SubnetPort;
  readonly segments: readonly Uint8Array[];
  /** Numbers of the last segment acknowledged, the last one sent, and the last one that the window allows. */
  acknowledged: number;
  sent: number;
  window: number;
  sendsLeft: number;
  deadline: Millis;
}

/** The table transfers of the administrator. */
export class RmppSender {
  readonly #transfers = new Map<string, Transfer>();
  readonly #send: (port: SubnetPort, mad: Uint8Array) => void;

  constructor(send: (port: SubnetPort, mad: Uint8Array) => void) {
    this.#send = send;
  }

  /**
   * Starts a transfer, or restarts the transfer to the port with the request's TransactionID. Returns false if the port
   * has {@linkcode MAX_TRANSFERS} other transfers.
   */
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

  /**
   * Handles an RMPP MAD from a port: ACK, STOP or ABORT; any other type aborts the transfer. Ignores a MAD that belongs
   * to no transfer. Returns false if the RMPP header of the MAD is not active.
   */
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

  /** Drops the transfers to a port. */
  removePort(port: SubnetPort): void {
    for (const [key, transfer] of this.#transfers) {
      if (transfer.port === port) this.#transfers.delete(key);
    }
  }

  /** Retransmits segments that are due. Returns the time of the next call, Infinity if there is no transfer. */
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

/** A transfer is identified by the port's connection and the TransactionID. */
function keyOf(port: SubnetPort, { transactionId }: SaMad): string {
  return `${port.connection}/${transactionId}`;
}
