/**
 * One end of a connection: the part of the state machine that both sides share (IBTA vol. 1 12.9).
 *
 * ```
 * active:   req_sent -> rep_received -+
 * passive:  req_received -> rep_sent -+-> established -> dreq_sent -> timewait -> closed
 * ```
 *
 * Every state except `established` has a deadline, so no connection stays in it. After its end, a connection answers
 * the messages of a remote end that still has it: a REP with a REJ, an RTU with a DREQ. A DREQ is answered with a DREP
 * in every state.
 */

import type { Millis } from "../base/units.ts";
import { CmMessage } from "../wire/cm/cm_message.ts";
import type { CommIds } from "../wire/cm/comm_ids.ts";
import type { Dreq } from "../wire/cm/dreq.ts";
import type { Mra } from "../wire/cm/mra.ts";
import { Rej } from "../wire/cm/rej.ts";
import type { Rep } from "../wire/cm/rep.ts";
import { gidEquals } from "../wire/gid.ts";
import type { MadAddress } from "../wire/mad.ts";
import type { CmContext } from "./context.ts";
import type { CmCounter } from "./counters.ts";
import type { ConnectionEnd, ConnectionEvents } from "./events.ts";
import {
  codeMillis,
  DREQ_SENDS,
  MAX_DREQ_ROUNDS,
  TIMEWAIT_MS,
} from "./parameters.ts";
import { Retransmission } from "./retransmission.ts";
import type { Obstacle } from "./request_check.ts";

export type ConnectionState =
  /** A REQ was sent. */
  | "req_sent"
  /** A REP was received; the consumer has not confirmed it. */
  | "rep_received"
  /** A REQ was received; the consumer has not answered it. */
  | "req_received"
  /** A REP was sent. */
  | "rep_sent"
  | "established"
  /** A DREQ was sent; for the consumer the connection has ended. */
  | "dreq_sent"
  /** The connection has ended; late messages are answered. */
  | "timewait"
  /** The connection was not started, or is forgotten. */
  | "closed";

/** The fields of a connection's identity. */
export interface EndpointIdentity {
  readonly peer: MadAddress;
  /** That of the REQ. */
  readonly transactionId: bigint;
  readonly localId: number;
}

const NOTHING = new Uint8Array(0);

export abstract class Endpoint {
  readonly localId: number;
  /** Undefined while the remote end is unknown. */
  remoteId: number | undefined;
  remoteQpn = 0;
  remoteCaGuid = 0n;
  protected localQpn = 0;
  protected readonly context: CmContext;
  protected readonly peer: MadAddress;
  protected readonly transactionId: bigint;
  protected events: ConnectionEvents | undefined;
  /** Time between two transmissions of a message. */
  protected abstract readonly interval: Millis;
  #state: ConnectionState = "closed";
  /** End of the current state. */
  #deadline: Millis = Infinity;
  readonly #retransmission: Retransmission;
  /** Why this end has refused the connection; undefined if it has not. */
  #refusal: Obstacle | undefined;
  #dreqRounds = 0;

  constructor(
    context: CmContext,
    { peer, transactionId, localId }: EndpointIdentity,
  ) {
    this.context = context;
    this.peer = peer;
    this.transactionId = transactionId;
    this.localId = localId;
    this.#retransmission = new Retransmission((mad) =>
      context.agent.send(mad, peer)
    );
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** True if a MAD comes from the remote end: from the same GID if both have a GRH, else from the same LID. */
  isFrom(from: MadAddress): boolean {
    return this.peer.grh && from.grh
      ? gidEquals(this.peer.grh.gid, from.grh.gid)
      : this.peer.lid === from.lid;
  }

  /** Handles a message to this end. The manager has checked both communication IDs and the source. */
  receive(message: CmMessage, now: Millis): void {
    switch (message.kind) {
      case "rep":
        return this.onRep(message.body, now);
      case "rtu":
        return this.onRtu(now);
      case "mra":
        return this.onMra(message.body, now);
      case "rej":
        return this.onRej(message.body.reason, now);
      case "dreq":
        return this.#onDreq(message.body, message.transactionId, now);
      case "drep":
        return this.#onDrep(now);
      case "req":
        return this.onDuplicateReq();
    }
  }

  /** Ends the connection without a callback, with a DREQ or REJ as the state requires. */
  disconnect(now: Millis): void {
    this.events = undefined;
    if (isOpen(this.state)) this.terminate(now);
  }

  /** Sends one message that ends the connection. */
  abort(): void {
    this.events = undefined;
    if (this.#endsWithDreq) this.send(this.#dreq());
    else if (isOpen(this.state)) this.sendFarewell();
  }

  /**
   * Ends the connection because a message from `from` names its remote queue pair as that of another connection. No
   * effect if the message comes from another port, which could otherwise end the connection.
   */
  onStale(from: MadAddress, now: Millis): void {
    if (!this.isFrom(from) || !isOpen(this.state)) return;
    this.count("stale");
    this.terminate(now, { why: "stale" });
  }

  /** Retransmits a message, or ends the current state. */
  onDeadline(now: Millis): void {
    if (this.#deadline <= now) {
      if (this.state === "timewait") this.forget();
      else if (this.state === "dreq_sent") this.end(now);
      else this.onStateTimeout(now);
      return;
    }
    if (this.#retransmission.tick(now)) this.count("retransmitted");
    this.#schedule();
  }

  /** True if this is the low half of the TransactionID of the REQ. */
  hasTransaction(low: number): boolean {
    return Number(this.transactionId & 0xffff_ffffn) === low;
  }

  /** Notes that the device has refused the last transmission. */
  onSendFailed(): void {
    this.#retransmission.refused = true;
  }

  /** Removes the connection from the tables. */
  forget(): void {
    this.#state = "closed";
    this.#retransmission.stop();
    this.context.deadlines.set(this, Infinity);
    this.context.table.remove(this);
  }

  /** Handles the timeout of a state before `established`. */
  protected abstract onStateTimeout(now: Millis): void;

  /** Sends the REJ of the state. */
  protected abstract sendFarewell(): void;

  protected onRep(_rep: Rep, _now: Millis): void {
    this.count("drop_wrong_state");
  }

  protected onRtu(_now: Millis): void {
    this.count("drop_wrong_state");
  }

  protected onDuplicateReq(): void {
    this.count("drop_wrong_state");
  }

  /** Handles an MRA: postpones the next transmission, but not the end of the state. */
  protected onMra({ serviceTimeout }: Mra, now: Millis): void {
    if (!this.#retransmission.active || this.state === "dreq_sent") {
      this.count("drop_wrong_state");
      return;
    }
    this.#retransmission.postpone(now + codeMillis(serviceTimeout));
    this.#schedule();
  }

  protected onRej(reason: number, now: Millis): void {
    if (this.state === "dreq_sent") this.end(now);
    else if (isOpen(this.state)) this.end(now, { why: "rejected", reason });
    else this.count("drop_wrong_state");
  }

  /** Enters a state that ends at `deadline`; nothing is retransmitted. */
  protected enter(state: ConnectionState, deadline: Millis): void {
    this.#state = state;
    this.#deadline = deadline;
    this.#retransmission.stop();
    this.#schedule();
  }

  /** Sends a message, up to `sends` times, until the next state. */
  protected sendRepeatedly(
    message: CmMessage,
    sends: number,
    now: Millis,
  ): void {
    const mad = CmMessage.emit(message);
    this.#retransmission.start(mad, sends, this.interval, now);
    this.#schedule();
  }

  /** Sends the message of {@linkcode sendRepeatedly} again. */
  protected sendAgain(): void {
    this.#retransmission.again();
  }

  protected send(message: CmMessage): void {
    this.context.agent.send(CmMessage.emit(message), this.peer);
  }

  /** Sends a REJ with the refusal of this end, or with `reason` if it has not refused the connection. */
  protected sendRej(
    subject: number,
    reason: number,
    ari: Uint8Array = NOTHING,
  ): void {
    this.#refusal ??= { reason, ari };
    this.count("rej_sent");
    this.send({
      kind: "rej",
      transactionId: this.transactionId,
      body: Rej.of({
        localCommId: this.localId,
        remoteCommId: this.remoteId ?? 0,
        subject,
        ...this.#refusal,
      }),
    });
  }

  /** Sends the DREQ or REJ of the state. Reports the end to the consumer, if it still has the connection. */
  protected terminate(now: Millis, end?: ConnectionEnd): void {
    if (this.#endsWithDreq) this.#startDreq(now, end);
    else {
      this.sendFarewell();
      this.end(now, end);
    }
  }

  /** Sends the DREQ again, because the connection is still established at the remote end. */
  protected repeatDreq(now: Millis): void {
    if (this.#dreqRounds++ < MAX_DREQ_ROUNDS) this.#startDreq(now);
  }

  /** Ends the connection and reports it to the consumer, if it still has the connection. */
  protected end(now: Millis, end?: ConnectionEnd): void {
    this.enter("timewait", now + TIMEWAIT_MS);
    this.context.table.keepEnded(this);
    this.#report(end);
  }

  /** Reports the end to the consumer in the reactor's next turn, unless the consumer disconnects before. */
  protected reportLater(end: ConnectionEnd): void {
    this.context.later(() => this.#report(end));
  }

  /** The end of a connection that was not answered in time. */
  protected timeoutEnd(): ConnectionEnd {
    this.count("timeout");
    return { why: this.#retransmission.refused ? "send_failed" : "timeout" };
  }

  protected count(name: CmCounter): void {
    this.context.counters.add(name);
  }

  /** True if the remote end may have established the connection, so that a DREQ ends it and not a REJ. */
  get #endsWithDreq(): boolean {
    return this.state === "established" || this.state === "rep_sent";
  }

  /** Sends the DREQ until it is answered. */
  #startDreq(now: Millis, end?: ConnectionEnd): void {
    this.count("dreq_sent");
    this.context.table.revive(this);
    this.enter("dreq_sent", now + DREQ_SENDS * this.interval);
    this.sendRepeatedly(this.#dreq(), DREQ_SENDS, now);
    this.#report(end);
  }

  #report(end: ConnectionEnd | undefined): void {
    this.context.table.releaseQpn(this);
    const { events } = this;
    this.events = undefined;
    if (end) events?.onEnd(end);
  }

  #onDreq(dreq: Dreq, transactionId: bigint, now: Millis): void {
    if (dreq.remoteQpn !== this.localQpn) {
      this.count("drop_wrong_qpn");
      return;
    }
    // Before the REP: the remote end has accepted the request and ended the connection, and the REP is late or lost.
    this.remoteId ??= dreq.localCommId;
    this.send({ kind: "drep", transactionId, body: this.#ids() });
    if (this.state === "dreq_sent") this.end(now);
    else if (isOpen(this.state)) this.end(now, { why: "disconnected" });
    else this.count("duplicate");
  }

  #onDrep(now: Millis): void {
    if (this.state === "dreq_sent") this.end(now);
    else this.count("drop_wrong_state");
  }

  #dreq(): CmMessage {
    return {
      kind: "dreq",
      transactionId: BigInt(this.localId),
      body: { ...this.#ids(), remoteQpn: this.remoteQpn },
    };
  }

  #ids(): CommIds {
    return {
      localCommId: this.localId,
      remoteCommId: this.remoteId ?? 0,
      privateData: NOTHING,
    };
  }

  #schedule(): void {
    const when = Math.min(this.#deadline, this.#retransmission.next);
    this.context.deadlines.set(this, when);
  }
}

/** True for a state before the end of the connection. */
function isOpen(state: ConnectionState): boolean {
  return state !== "dreq_sent" && state !== "timewait" && state !== "closed";
}
