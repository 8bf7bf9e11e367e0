/** The end of a connection that receives the REQ (IBTA vol. 1 12.9.6). */

import type { Millis } from "../base/units.ts";
import type { RcConnection } from "../hca/rc_qp.ts";
import { CmSubject, RejectReason } from "../wire/cm/rej.ts";
import { Rep } from "../wire/cm/rep.ts";
import type { Req } from "../wire/cm/req.ts";
import type { MadAddress } from "../wire/mad.ts";
import { caGuid, type CmContext } from "./context.ts";
import { Endpoint } from "./endpoint.ts";
import type { AcceptOptions, ConnectionEvents } from "./events.ts";
import {
  CA_ACK_DELAY,
  clampResponseCode,
  codeMillis,
  REQUEST_TIMEOUT_MS,
} from "./parameters.ts";
import { answerAddress, passiveRemote } from "./paths.ts";

export class PassiveEndpoint extends Endpoint {
  protected readonly interval: Millis;
  readonly req: Req;
  readonly remote: RcConnection;

  /** @param startingPsn PSN of the first packet that the remote end sends, 24 bits */
  constructor(
    context: CmContext,
    req: Req,
    transactionId: bigint,
    from: MadAddress,
    startingPsn: number,
  ) {
    const localId = context.table.newId();
    const { attributes } = context.port;
    const peer = answerAddress(from, attributes, req.primary.localGid);
    super(context, { peer, transactionId, localId });
    this.interval = codeMillis(clampResponseCode(req.localResponseTimeout));
    this.req = req;
    this.remote = passiveRemote(req, from, startingPsn, attributes);
    this.remoteId = req.localCommId;
    this.remoteQpn = req.localQpn;
    this.remoteCaGuid = req.localCaGuid;
  }

  /** Waits for the consumer's answer. */
  start(now: Millis): void {
    this.context.table.addRequested(this);
    this.context.table.claimQpn(this);
    this.enter("req_received", now + REQUEST_TIMEOUT_MS);
  }

  /** True if the connection is being established. */
  get pending(): boolean {
    return this.state === "req_received" || this.state === "rep_sent";
  }

  /** Sends the REP. If the request has ended, reports this as the end of the connection. */
  accept(reply: AcceptOptions, events: ConnectionEvents, now: Millis): void {
    this.events = events;
    if (this.state !== "req_received") {
      this.reportLater({ why: "timeout" });
      return;
    }
    this.localQpn = reply.qpn;
    this.count("rep_sent");
    const sends = 1 + this.req.maxCmRetries;
    this.enter("rep_sent", now + sends * this.interval);
    const { transactionId } = this;
    this.sendRepeatedly(
      { kind: "rep", transactionId, body: this.#reply(reply) },
      sends,
      now,
    );
  }

  /** Rejects the request. No effect if it was answered or has ended. */
  reject(reason: number, ari: Uint8Array, now: Millis): void {
    if (this.state !== "req_received") return;
    this.sendRej(CmSubject.Req, reason, ari);
    this.end(now);
  }

  /** Handles traffic on the queue pair, which shows that the remote end has received the REP. */
  noticeTraffic(): void {
    if (this.state === "rep_sent") this.#establish();
  }

  protected override onRtu(now: Millis): void {
    if (this.state === "rep_sent") this.#establish();
    else if (this.state === "established") this.count("duplicate");
    else if (this.state === "timewait" && this.localQpn !== 0) {
      this.repeatDreq(now);
    } else this.count("drop_wrong_state");
  }

  protected override onDuplicateReq(): void {
    this.count("duplicate");
    if (this.state === "rep_sent") this.sendAgain();
    else if (this.state === "dreq_sent" || this.state === "timewait") {
      this.sendRej(CmSubject.Req, RejectReason.StaleConnection);
    }
  }

  /** A request that the consumer has not answered has no callbacks, and does not count as a timeout. */
  protected override onStateTimeout(now: Millis): void {
    const accepted = this.state === "rep_sent";
    this.terminate(now, accepted ? this.timeoutEnd() : undefined);
  }

  protected override sendFarewell(): void {
    this.sendRej(CmSubject.Req, RejectReason.Consumer);
  }

  #establish(): void {
    this.count("established");
    this.enter("established", Infinity);
    this.events?.onEstablished?.();
  }

  /** Returns the REP, with the parameters of Linux `ipoib_cm_send_rep`. */
  #reply({ qpn, privateData }: AcceptOptions): Rep {
    return Rep.of({
      localCommId: this.localId,
      remoteCommId: this.remoteId!,
      localQpn: qpn,
      startingPsn: this.remote.receivePsn,
      targetAckDelay: CA_ACK_DELAY,
      rnrRetryCount: this.req.rnrRetryCount,
      srq: this.context.port.attributes.capabilities.sharedReceiveQueue,
      localCaGuid: caGuid(this.context),
      privateData,
    });
  }
}
