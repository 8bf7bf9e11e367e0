/**
 * The connections that send from one memory, by QPN: what a link needs of them.
 *
 * A message gets its PSN when its descriptor enters the ring, so a message that the port drops before (no credit, the
 * connection is closed) leaves no gap. Rings lose nothing: after that, a message is lost only if the receiver refuses
 * it, and then its slot is returned with a {@linkcode Nak}.
 */

import type { OutLink } from "./out_link.ts";
import type { PortCounters } from "./port_counters.ts";
import { isConnected, notedQpn, readPsn, writePsn } from "./rc_headers.ts";
import type { RcSender } from "./rc_sender.ts";
import { Nak } from "./ring.ts";
import type { SlotPool } from "./slot_pool.ts";

/** The send sides of the connections of one memory. */
export class RcSenders {
  readonly #pool: SlotPool;
  readonly #counted: PortCounters;
  readonly #byQpn = new Map<number, RcSender>();

  constructor(pool: SlotPool, counted: PortCounters) {
    this.#pool = pool;
    this.#counted = counted;
  }

  add(sender: RcSender): void {
    this.#byQpn.set(sender.qpn, sender);
  }

  /** Removes a sender: its messages that are not in a ring yet are dropped. */
  remove(sender: RcSender): void {
    this.#byQpn.delete(sender.qpn);
  }

  /**
   * Numbers the message of a connection; no effect on a slot with a datagram. Returns false, and counts the drop, if
   * the connection has ended.
   */
  number(slot: number): boolean {
    const { view } = this.#pool;
    if (!isConnected(view, slot)) return true;
    const sender = this.#byQpn.get(notedQpn(view, slot));
    if (!sender) {
      this.#counted.add("xmit_not_ready");
      return false;
    }
    writePsn(view, slot, sender.takePsn());
    return true;
  }

  /**
   * Handles a slot that the peer of `link` has returned with a NAK. Returns false if the peer may not refuse it.
   *
   * @param nak not validated
   */
  refused(link: OutLink, slot: number, nak: number): boolean {
    const { view } = this.#pool;
    const valid = isConnected(view, slot) && nak <= Nak.Refused;
    const sender = valid ? this.#byQpn.get(notedQpn(view, slot)) : undefined;
    const kept = sender !== undefined && sender.link === link &&
      sender.refused(slot, readPsn(view, slot), nak as Nak);
    if (!kept) this.#pool.unref(slot);
    return valid;
  }

  /** Fails the connections whose messages the link carried. */
  linkClosed(link: OutLink): void {
    for (const sender of [...this.#byQpn.values()]) {
      if (sender.link === link) sender.fail("retry_exceeded");
    }
  }
}
