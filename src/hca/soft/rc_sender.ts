/**
 * The send side of a connection.
 *
 * **Loss.** Only injected faults lose a message between two live ports; faults.ts repeats it as a requester would. A
 * message that the receiver cannot store now comes back with an RNR NAK, and those after it with a sequence NAK, because
 * the receiver takes messages in order. When all of them are back, they are sent again with their PSNs, at the earliest
 * {@linkcode RNR_MS} after the first came back; until then the connection takes no new message.
 *
 * **Failure.** The receiver refuses a message of an unknown connection, or the link ends, because the peer has died or
 * has lost access to the memory: then the connection fails at once, as repetition cannot help.
 */

import type { Millis } from "../../base/units.ts";
import type { Reactor, Timer } from "../../system/reactor.ts";
import { nextPsn } from "../../wire/transport_headers.ts";
import type { RcConnection, RcFailure } from "../rc_qp.ts";
import type { FaultFlow } from "./faults.ts";
import type { OutLink } from "./out_link.ts";
import { counterIndex, type PortCounters } from "./port_counters.ts";
import { notedLength } from "./rc_headers.ts";
import { Nak } from "./ring.ts";

/** Time from an RNR NAK to the repetition, in the range of RNR NAK timers (0.01 to 655 ms). */
const RNR_MS: Millis = 1;
/** RNR retry count without a limit (IBTA vol. 1 9.7.5.2.8). */
const UNLIMITED = 7;
/** Unit of the local ACK timeout (IBTA vol. 1 9.7.6.1.3). */
const ACK_UNIT_MS: Millis = 0.004096;
const RC_RETRANSMITTED = counterIndex("rc_retransmitted");

/** The objects of the port that a sender uses. */
export interface RcSenderParts {
  readonly reactor: Reactor;
  readonly counted: PortCounters;
  /** Called when the connection fails; may be called again. */
  readonly failed: (failure: RcFailure) => void;
}

/** See the head of this file. */
export class RcSender implements FaultFlow {
  readonly qpn: number;
  readonly to: RcConnection;
  readonly retryCount: number;
  readonly ackTimeout: Millis;
  stored = 0;
  lastDue: Millis = 0;
  /** The link to the remote port, opened for the first message. */
  link: OutLink | undefined;
  readonly #parts: RcSenderParts;
  #psn: number;
  /** Slots that were refused and are sent again, in the order of their PSNs. */
  readonly #refused: number[] = [];
  #lastRefused = 0;
  /** PSN of the message that had no buffer last, and how often in a row. */
  #rnrPsn = -1;
  #rnrCount = 0;
  #rnrTimer: Timer | undefined;
  #rnrOver = false;

  constructor(qpn: number, to: RcConnection, parts: RcSenderParts) {
    this.qpn = qpn;
    this.to = to;
    this.retryCount = to.retryCount;
    this.ackTimeout = to.ackTimeout === 0
      ? Infinity
      : ACK_UNIT_MS * 2 ** to.ackTimeout;
    this.#parts = parts;
    this.#psn = to.sendPsn;
  }

  /** True while refused messages wait to be sent again. */
  get recovering(): boolean {
    return this.#refused.length > 0;
  }

  /** Returns the PSN of the next message that enters the ring. */
  takePsn(): number {
    const psn = this.#psn;
    this.#psn = nextPsn(psn);
    return psn;
  }

  /** Handles the NAK for a message. Returns true if the sender keeps the slot, to send it again. */
  refused(slot: number, psn: number, nak: Nak): boolean {
    const first = this.#refused.length === 0;
    const expected = first
      ? nak === Nak.NotReady
      : nak !== Nak.Refused && psn === nextPsn(this.#lastRefused);
    if (!expected) {
      this.fail("retry_exceeded");
      return false;
    }
    if (first && !this.#mayRetry(psn)) {
      this.fail("rnr_retry_exceeded");
      return false;
    }
    this.#refused.push(slot);
    this.#lastRefused = psn;
    this.#sendAgain();
    return true;
  }

  /** Reports the failure of the connection. */
  fail(failure: RcFailure): void {
    this.#parts.failed(failure);
  }

  exhausted(): void {
    this.fail("retry_exceeded");
  }

  /** Releases the slots of refused messages. The sender must have been removed from {@linkcode RcSenders}. */
  close(): void {
    this.#rnrTimer?.close();
    for (const slot of this.#refused) this.link!.pool.unref(slot);
    this.#refused.length = 0;
  }

  /** Counts an RNR NAK for the message; starts its timer unless the retries are spent. */
  #mayRetry(psn: number): boolean {
    const { reactor } = this.#parts;
    this.#rnrCount = psn === this.#rnrPsn ? this.#rnrCount + 1 : 1;
    this.#rnrPsn = psn;
    const { rnrRetryCount } = this.to;
    if (rnrRetryCount < UNLIMITED && this.#rnrCount > rnrRetryCount) {
      return false;
    }
    this.#rnrOver = false;
    this.#rnrTimer ??= reactor.timer(() => {
      this.#rnrOver = true;
      this.#sendAgain();
    });
    this.#rnrTimer.at(reactor.clock.now() + RNR_MS);
    return true;
  }

  #sendAgain(): void {
    // Until the NAK of the newest message is back, older messages are still in the ring, before those sent again.
    if (!this.#rnrOver || nextPsn(this.#lastRefused) !== this.#psn) return;
    const link = this.link!;
    for (const slot of this.#refused) {
      link.send(slot, notedLength(link.pool.view, slot));
    }
    this.#parts.counted.values[RC_RETRANSMITTED]! += this.#refused.length;
    this.#refused.length = 0;
  }
}
