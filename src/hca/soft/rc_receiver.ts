/**
 * The receive side of a connection: takes the messages of its remote end in the order of their PSNs, each once, into
 * the completion queue of a UD queue pair.
 *
 * A BTH has no source QPN, so a message is known to be of the connection by its port (LID, which the link vouches for)
 * and by the link of the first message: a port has one link for each of its send memories.
 */

import { pkeysMatch } from "../../base/units.ts";
import { nextPsn, psnPrecedes } from "../../wire/transport_headers.ts";
import type { PortAttributes } from "../port_attributes.ts";
import type { RcConnection } from "../rc_qp.ts";
import type { InLink } from "./in_link.ts";
import type { PortCounterName } from "./port_counters.ts";
import { readPsn } from "./rc_headers.ts";
import type { ReceiveQueue } from "./receive_queue.ts";
import { Nak } from "./ring.ts";

/** Options of an {@linkcode RcReceiver}. */
export interface RcReceiverOptions {
  readonly qpn: number;
  readonly pkeyIndex: number;
  /** Receive queue of the UD queue pair that delivers the messages. */
  readonly receiver: ReceiveQueue;
  readonly port: { readonly attributes: Pick<PortAttributes, "pkeys"> };
  /** Called when the link of the remote end has ended. */
  readonly lost: () => void;
}

/** The receive side of one connection. */
export class RcReceiver {
  readonly qpn: number;
  /** Number of received messages. */
  received = 0;
  /** The link that the remote end sends on; undefined before its first message. */
  link: InLink | undefined;
  /** Reason of the last result of {@linkcode take} that was not delivery. */
  why: PortCounterName = "bad_qpn";
  readonly #options: RcReceiverOptions;
  #lid = 0;
  #psn = 0;

  constructor(options: RcReceiverOptions) {
    this.qpn = options.qpn;
    this.#options = options;
  }

  /** Receive queue of the UD queue pair that delivers the messages. */
  get receiver(): ReceiveQueue {
    return this.#options.receiver;
  }

  /** The P_Key at the queue pair's index of the port's current P_Key table; 0 if there is none. */
  get pkey(): number {
    const { port, pkeyIndex } = this.#options;
    return port.attributes.pkeys[pkeyIndex] ?? 0;
  }

  /** Makes the queue pair ready to receive. */
  connect(to: RcConnection): void {
    this.#lid = to.path.dlid;
    this.#psn = to.receivePsn;
  }

  /**
   * Takes a message into the completion queue. Otherwise sets {@linkcode why}, the caller keeps the slot, and the
   * result is the answer to the sender: `Nak.None` for a duplicate. The caller has checked that the message has the
   * P_Key of its link.
   */
  take(link: InLink, slot: number, length: number): Nak | "taken" {
    if (
      this.#lid === 0 || link.lid !== this.#lid ||
      (this.link !== undefined && this.link !== link)
    ) return this.#answer("rc_not_connected", Nak.Refused);
    if (!pkeysMatch(link.pkey, this.pkey)) {
      return this.#answer("pkey_violations", Nak.Refused);
    }
    const psn = readPsn(link.view, slot);
    if (psn !== this.#psn) {
      return psnPrecedes(psn, this.#psn)
        ? this.#answer("rc_duplicates", Nak.None)
        : this.#answer("rc_out_of_sequence", Nak.Sequence);
    }
    const { completions } = this.#options.receiver;
    if (!completions.pushConnected(link, slot, length)) {
      return this.#answer("rcv_no_buffer", Nak.NotReady);
    }
    this.link = link;
    this.#psn = nextPsn(psn);
    // A count of 30 bits stays a small integer, which is not allocated.
    this.received = (this.received + 1) & 0x3fffffff;
    return "taken";
  }

  /** Drops the messages that were not polled. */
  close(): void {
    this.#options.receiver.completions.dropConnected(this.qpn);
  }

  /** Ends the connection if the remote end sends on `link`, which is ending. */
  linkEnded(link: InLink): void {
    if (this.link === link) this.#options.lost();
  }

  #answer(why: PortCounterName, nak: Nak): Nak {
    this.why = why;
    return nak;
  }
}
