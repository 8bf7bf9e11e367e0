/** The end of a connection that sends the REQ (IBTA vol. 1 12.9.5). */

import type { Millis } from "../base/units.ts";
import { CmSubject, RejectReason } from "../wire/cm/rej.ts";
import type { Rep } from "../wire/cm/rep.ts";
import { Req } from "../wire/cm/req.ts";
import { caGuid, caGuidBytes, type CmContext } from "./context.ts";
import { Endpoint } from "./endpoint.ts";
import type { ConnectionEvents, ConnectOptions } from "./events.ts";
import {
  codeMillis,
  MAX_CM_RETRIES,
  RESPONDER_RESOURCES,
  responseCode,
} from "./parameters.ts";
import { activeRemote, madAddress, reqPath } from "./paths.ts";

export class ActiveEndpoint extends Endpoint {
  protected readonly interval: Millis;
  readonly #options: ConnectOptions;
  readonly #req: Req;
  /** End of the establishment. */
  readonly #establishedBy: Millis;

  constructor(
    context: CmContext,
    options: ConnectOptions,
    events: ConnectionEvents,
    now: Millis,
  ) {
    const localId = context.table.newId();
    const { path, pkeyIndex, timeout } = options;
    super(context, {
      peer: madAddress(path, pkeyIndex, context.port.attributes),
      transactionId: BigInt(localId),
      localId,
    });
    const code = responseCode(timeout);
    this.interval = codeMillis(code);
    this.events = events;
    this.localQpn = options.qpn;
    this.#options = options;
    this.#req = requestOf(context, options, localId, code);
    this.#establishedBy = now + timeout;
  }

  /** Sends the REQ. */
  start(now: Millis): void {
    const sends = 1 + MAX_CM_RETRIES;
    this.context.table.add(this);
    this.count("req_sent");
    this.enter(
      "req_sent",
      Math.min(this.#establishedBy, now + sends * this.interval),
    );
    const { transactionId } = this;
    this.sendRepeatedly(
      { kind: "req", transactionId, body: this.#req },
      sends,
      now,
    );
  }

  /** Ends the connection, which was not started, in the reactor's next turn. */
  refuse(reason: number): void {
    this.reportLater({ why: "rejected", reason });
  }

  /** Sends the RTU. No effect unless a REP waits for it. */
  confirm(): void {
    if (this.state !== "rep_received") return;
    this.count("established");
    this.enter("established", Infinity);
    this.#sendRtu();
  }

  /** Rejects the REP. No effect unless a REP waits for the confirmation. */
  reject(reason: number, now: Millis): void {
    if (this.state !== "rep_received") return;
    this.events = undefined;
    this.sendRej(CmSubject.Rep, reason);
    this.end(now);
  }

  protected override onRep(rep: Rep, now: Millis): void {
    switch (this.state) {
      case "req_sent":
        return this.#accept(rep, now);
      case "established":
        this.count("duplicate");
        return this.#sendRtu();
      case "timewait":
        this.remoteId ??= rep.localCommId;
        return this.#sendTimeout(CmSubject.Rep);
      default:
        this.count("duplicate");
    }
  }

  protected override onStateTimeout(now: Millis): void {
    this.sendFarewell();
    this.end(now, this.timeoutEnd());
  }

  protected override sendFarewell(): void {
    if (this.state === "req_sent") this.#sendTimeout(CmSubject.Req);
    else this.sendRej(CmSubject.Rep, RejectReason.Consumer);
  }

  /** Sends a REJ with the reason Timeout. Linux finds its connection only by the CA GUID in such a REJ. */
  #sendTimeout(subject: number): void {
    const ari = caGuidBytes(this.context);
    this.sendRej(subject, RejectReason.Timeout, ari);
  }

  #accept(rep: Rep, now: Millis): void {
    const { table, port } = this.context;
    this.count("rep_received");
    const stale = table.byRemoteQpn(rep.localCaGuid, rep.localQpn);
    this.remoteId = rep.localCommId;
    this.remoteQpn = rep.localQpn;
    this.remoteCaGuid = rep.localCaGuid;
    if (stale) {
      this.sendRej(CmSubject.Rep, RejectReason.StaleConnection);
      stale.onStale(this.peer, now);
      this.count("stale");
      this.end(now, { why: "stale" });
      return;
    }
    table.claimQpn(this);
    this.enter("rep_received", this.#establishedBy);
    const { path } = this.#options;
    this.events?.onReply?.({
      qpn: rep.localQpn,
      privateData: rep.privateData,
      remote: activeRemote(path, port.attributes, rep, this.#req),
    });
  }

  #sendRtu(): void {
    this.send({
      kind: "rtu",
      transactionId: this.transactionId,
      body: {
        localCommId: this.localId,
        remoteCommId: this.remoteId!,
        privateData: new Uint8Array(0),
      },
    });
  }
}

/**
 * Returns the REQ, with the parameters of Linux `ipoib_cm_send_req`, but for the retry counts, which are those of the port,
 * and the CM response timeouts, which fit the time for the establishment: 17 (0.5 s) for 4 s, 20 (4 s) with Linux.
 */
function requestOf(
  context: CmContext,
  options: ConnectOptions,
  localCommId: number,
  responseTimeout: number,
): Req {
  const { path } = options;
  const { connectionRetries: retries, sharedReceiveQueue } =
    context.port.attributes.capabilities;
  return Req.of({
    localCommId,
    serviceId: options.serviceId,
    localCaGuid: caGuid(context),
    localQpn: options.qpn,
    responderResources: RESPONDER_RESOURCES,
    remoteResponseTimeout: responseTimeout,
    localResponseTimeout: responseTimeout,
    startingPsn: options.startingPsn,
    pkey: path.pkey,
    pathMtu: path.mtu,
    maxCmRetries: MAX_CM_RETRIES,
    retryCount: retries,
    rnrRetryCount: retries,
    srq: sharedReceiveQueue,
    primary: reqPath(path),
    privateData: options.privateData,
  });
}
