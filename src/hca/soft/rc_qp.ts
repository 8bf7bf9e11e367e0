/**
 * A reliable connected queue pair of the embedded HCA: `rc_sender.ts`, `rc_receiver.ts`, and the life cycle of both.
 */

import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import { CONNECTED_MTU, ENCAP_LENGTH } from "../../base/units.ts";
import type { Reactor } from "../../system/reactor.ts";
import { GsoType } from "../../wire/vnet.ts";
import { writeConnectedHeaders } from "../connected_headers.ts";
import type { PortAttributes } from "../port_attributes.ts";
import { PostResult } from "../post_result.ts";
import type { RcConnection, RcFailure, RcQp } from "../rc_qp.ts";
import type { PacketObservers } from "../packet_observers.ts";
import { SoftAddressHandle } from "./address_handle.ts";
import type { Inbound } from "./inbound.ts";
import type { Outbound } from "./outbound.ts";
import { counterIndex, type PortCounters } from "./port_counters.ts";
import { writeNotes } from "./rc_headers.ts";
import { RcReceiver } from "./rc_receiver.ts";
import { RcSender } from "./rc_sender.ts";
import type { ReceiveQueue } from "./receive_queue.ts";
import type { RcFailures } from "./rc_failures.ts";
import type { Returns } from "./returns.ts";
import { STRIDE, VNET } from "./slot_layout.ts";

const RC_FAILURES = counterIndex("rc_failures");

/** The port's objects that its RC queue pairs use. */
export interface RcQpParts {
  readonly reactor: Reactor;
  readonly port: { readonly attributes: PortAttributes };
  readonly counted: PortCounters;
  readonly inbound: Inbound;
  readonly returns: Returns;
  readonly observers: PacketObservers;
  readonly failures: RcFailures;
  /** The open RC queue pairs of the port. */
  readonly rcQps: Set<SoftRcQp>;
}

/** See {@linkcode RcQp}. */
export class SoftRcQp implements RcQp {
  onFailure: (failure: RcFailure) => void = () => {};
  readonly #parts: RcQpParts;
  readonly #outbound: Outbound;
  readonly #receiver: RcReceiver;
  #handle: SoftAddressHandle | undefined;
  /** Present while the queue pair can send. */
  #sender: RcSender | undefined;
  #state: "init" | "connected" | "error" | "closed" = "init";

  /**
   * @param outbound the send side of its memory
   * @param receiver receive queue of the UD queue pair that delivers its messages
   */
  constructor(
    parts: RcQpParts,
    outbound: Outbound,
    receiver: ReceiveQueue,
    qpn: number,
    pkeyIndex: number,
  ) {
    this.#parts = parts;
    this.#outbound = outbound;
    this.#receiver = new RcReceiver({
      qpn,
      pkeyIndex,
      receiver,
      port: parts.port,
      lost: () => this.#fail("retry_exceeded"),
    });
    parts.inbound.addConnected(this.#receiver);
    parts.rcQps.add(this);
  }

  get qpn(): number {
    return this.#receiver.qpn;
  }

  get received(): number {
    return this.#receiver.received;
  }

  connect(to: RcConnection): void {
    if (this.#state !== "init") {
      throw new IpoibError(
        "E_QP_STATE",
        `Queue pair ${this.qpn} cannot be connected: its state is ${this.#state}`,
        { errno: Errno.EINVAL },
      );
    }
    const { reactor, port, counted } = this.#parts;
    this.#state = "connected";
    this.#handle = new SoftAddressHandle(to.path, port.attributes.gid);
    this.#receiver.connect(to);
    this.#sender = new RcSender(this.qpn, to, {
      reactor,
      counted,
      failed: (failure) => this.#fail(failure),
    });
    this.#outbound.connections.add(this.#sender);
  }

  post(slot: number, length: number): PostResult {
    const sender = this.#sender;
    const outbound = this.#outbound;
    const { port, observers } = this.#parts;
    const { pkey } = this.#receiver;
    const { state, lid } = port.attributes;
    if (!sender || state !== "active" || !outbound.isFor(pkey)) {
      return outbound.refuse(slot, "xmit_not_ready", PostResult.NotReady);
    }
    const base = slot * STRIDE;
    const { view, words } = outbound.pool;
    const large = view.getUint8(base + VNET + 1) !== GsoType.None;
    if (!large && length > CONNECTED_MTU) {
      return outbound.refuse(slot, "xmit_too_long", PostResult.TooLong);
    }
    this.#handle!.copyTo(words, slot);
    const message = length + ENCAP_LENGTH;
    writeConnectedHeaders(
      view,
      base,
      large || message > sender.to.pathMtu ? 0 : message,
      lid,
      pkey,
      sender.to.destQpn,
    );
    writeNotes(view, slot, length, this.qpn);
    const result = sender.recovering
      ? outbound.refuse(slot, "xmit_no_credit", PostResult.NoCredit)
      : outbound.connected(slot, length, sender);
    if (observers.active) {
      const { qpn, receiver } = this.#receiver;
      outbound.publishSent(observers, slot, length, result, qpn, receiver.qpn);
    }
    return result;
  }

  close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    const { inbound, failures, returns, rcQps } = this.#parts;
    rcQps.delete(this);
    failures.remove(this);
    inbound.forgetConnected(this.#receiver);
    this.#receiver.close();
    this.#stopSending();
    returns.publish();
  }

  /** Calls {@linkcode onFailure}, unless the queue pair was closed. */
  reportFailure(failure: RcFailure): void {
    if (this.#state === "error") this.onFailure(failure);
  }

  /** Enters the error state. The creator is called later, because this may happen within its own calls. */
  #fail(failure: RcFailure): void {
    if (this.#state !== "connected") return;
    const { inbound, failures, counted } = this.#parts;
    this.#state = "error";
    counted.values[RC_FAILURES]!++;
    inbound.forgetConnected(this.#receiver);
    this.#stopSending();
    failures.add(this, failure);
  }

  #stopSending(): void {
    const sender = this.#sender;
    if (!sender) return;
    this.#sender = undefined;
    this.#outbound.connections.remove(sender);
    sender.close();
  }
}
