/**
 * The connection manager of a port: establishes and ends RC connections with CM messages (IBTA vol. 1 chapter 12), as
 * Linux ib_cm (core/cm.c) does for ib_ipoib.
 *
 * One manager serves all interfaces of a port. The consumer owns the queue pairs: it connects a queue pair to the
 * `remote` of a request or reply, and closes it when the connection ends. It uses a queue pair for one connection only.
 *
 * A message to a connection must contain both communication IDs and come from the LID or GID of the remote end. Only the
 * REJ of a sender that gives up its REQ contains one ID and the CA GUID. A DREQ that matches no connection is answered,
 * so that the sender can end its own; all other such messages are dropped and counted.
 */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { hex } from "../base/hex.ts";
import { explain, type Logger } from "../base/log.ts";
import type { Millis } from "../base/units.ts";
import type { MadAgent } from "../hca/hca.ts";
import type { PortAttributes } from "../hca/port_attributes.ts";
import type { Reactor, Timer } from "../system/reactor.ts";
import { CmMessage, type UnknownCmMessage } from "../wire/cm/cm_message.ts";
import type { Dreq } from "../wire/cm/dreq.ts";
import { CmSubject, Rej, RejectReason } from "../wire/cm/rej.ts";
import type { Req } from "../wire/cm/req.ts";
import type { MadAddress } from "../wire/mad.ts";
import { ActiveEndpoint } from "./active.ts";
import { Connection, ConnectionRequest } from "./connection.ts";
import type { CmContext } from "./context.ts";
import { createCounters } from "./counters.ts";
import { Deadlines } from "./deadlines.ts";
import type { Endpoint } from "./endpoint.ts";
import type { ConnectionEvents, ConnectOptions } from "./events.ts";
import { MAX_CONNECTIONS, MAX_PENDING } from "./parameters.ts";
import { PassiveEndpoint } from "./passive.ts";
import { answerAddress } from "./paths.ts";
import { type Obstacle, obstacleOf } from "./request_check.ts";
import { ConnectionTable } from "./table.ts";

type Listener = (request: ConnectionRequest) => void;

export interface ConnectionManagerParts {
  readonly reactor: Pick<Reactor, "clock" | "timer">;
  /** Agent of the class CommunicationManagement, which the manager closes. */
  readonly agent: MadAgent;
  readonly port: { readonly attributes: PortAttributes };
  readonly log: Logger;
  /** Returns 32 random bits. Default: the runtime's secure generator. */
  readonly random?: () => number;
}

const NOTHING = new Uint8Array(0);
const PSN_MASK = 0xffffff;
/** Bytes of a CA GUID, the reject information of a REJ with the reason Timeout. */
const GUID_LENGTH = 8;

export class ConnectionManager {
  readonly #parts: ConnectionManagerParts;
  readonly #context: CmContext;
  readonly #table: ConnectionTable<Endpoint>;
  readonly #deadlines: Deadlines<Endpoint>;
  readonly #counters = createCounters();
  readonly #listeners = new Map<bigint, Listener>();
  readonly #random: () => number;
  #later: (() => void)[] = [];
  readonly #laterTimer: Timer;

  constructor(parts: ConnectionManagerParts) {
    const { reactor, agent, port, random = secureRandom } = parts;
    this.#parts = parts;
    this.#random = random;
    this.#table = new ConnectionTable(random, (oldest) => oldest.forget());
    this.#deadlines = new Deadlines(
      reactor,
      (endpoint, now) => endpoint.onDeadline(now),
    );
    this.#laterTimer = reactor.timer(() => {
      for (const callback of this.#later.splice(0)) callback();
    });
    this.#context = {
      agent: { send: (mad, to) => this.#transmit(mad, to) },
      port,
      table: this.#table,
      deadlines: this.#deadlines,
      counters: this.#counters,
      later: (callback) => {
        this.#later.push(callback);
        this.#laterTimer.at(this.#now);
      },
    };
    agent.onMad = (mad, from) => this.#onMad(mad, from);
    agent.onSendFailed = (id) => this.#onSendFailed(id);
  }

  /**
   * Calls `onRequest` with each new request for a service, until the returned function is called. Requests for services
   * without a listener are rejected with the reason InvalidServiceId. Throws `E_CM_SERVICE` (EADDRINUSE) if the service
   * has a listener.
   */
  listen(serviceId: bigint, onRequest: Listener): () => void {
    if (this.#listeners.has(serviceId)) {
      throw new IpoibError(
        "E_CM_SERVICE",
        `Service ID ${hex(serviceId, 16)} already has a listener`,
        { errno: Errno.EADDRINUSE },
      );
    }
    this.#listeners.set(serviceId, onRequest);
    return () => {
      if (this.#listeners.get(serviceId) === onRequest) {
        this.#listeners.delete(serviceId);
      }
    };
  }

  /**
   * Sends a REQ. If the port has too many connections, the new one ends with the reason NoResources in the reactor's next
   * turn.
   */
  connect(options: ConnectOptions, events: ConnectionEvents): Connection {
    const now = this.#now;
    const endpoint = new ActiveEndpoint(this.#context, options, events, now);
    if (this.#isFull) {
      this.#counters.add("refused_limit");
      endpoint.refuse(RejectReason.NoResources);
    } else endpoint.start(now);
    return new Connection(endpoint, this.#parts.reactor.clock);
  }

  /** Returns the counters by name, and the numbers of connections that have not ended and that are remembered. */
  counters(): Record<string, number> {
    return {
      ...this.#counters.snapshot(),
      connections: this.#table.live,
      ended_connections: this.#table.ended,
    };
  }

  /** Sends a DREQ for each established connection and a REJ for each pending one, and closes the agent. */
  close(): void {
    this.#listeners.clear();
    for (const endpoint of this.#table.all()) {
      endpoint.abort();
      endpoint.forget();
    }
    this.#later = [];
    this.#laterTimer.close();
    this.#deadlines.close();
    this.#parts.agent.close();
  }

  get #now(): Millis {
    return this.#parts.reactor.clock.now();
  }

  get #isFull(): boolean {
    return this.#table.live >= MAX_CONNECTIONS;
  }

  #onMad(mad: Uint8Array, from: MadAddress): void {
    const message = CmMessage.parse(mad);
    if (message === undefined) this.#counters.add("drop_malformed");
    else this.#onMessage(message, from);
  }

  #onMessage(message: CmMessage | UnknownCmMessage, from: MadAddress): void {
    explain(
      this.#parts.log,
      () => `CM message ${textOf(message)} received from LID ${hex(from.lid)}`,
    );
    switch (message.kind) {
      case "unknown":
        this.#counters.add("drop_unknown_attribute");
        return;
      case "req":
        this.#counters.add("req_received");
        return this.#onReq(message.body, message.transactionId, from);
      case "rej":
        this.#counters.add("rej_received");
        return this.#deliver(message, this.#rejected(message.body), from);
      case "dreq":
        this.#counters.add("dreq_received");
        break;
    }
    const { remoteCommId, localCommId } = message.body;
    const endpoint = this.#table.byLocalId(remoteCommId);
    if (endpoint && isRemoteId(endpoint, localCommId)) {
      this.#deliver(message, endpoint, from);
    } else if (message.kind === "dreq") {
      this.#answerDreq(message.body, message.transactionId, from);
    } else this.#counters.add("drop_unknown_id");
  }

  /**
   * Handles the refusal of a message with this low half of the TransactionID: in requests and DREQs the communication ID
   * of this end, in answers what the remote end has chosen. Few messages are refused, so all connections are searched.
   */
  #onSendFailed(transactionId: number): void {
    this.#counters.add("send_failed");
    const endpoint = this.#table.byLocalId(transactionId) ??
      this.#table.all().findLast((each) => each.hasTransaction(transactionId));
    endpoint?.onSendFailed();
  }

  #deliver(
    message: CmMessage,
    endpoint: Endpoint | undefined,
    from: MadAddress,
  ): void {
    if (endpoint === undefined) this.#counters.add("drop_unknown_id");
    else if (!endpoint.isFrom(from)) this.#counters.add("drop_wrong_source");
    else endpoint.receive(message, this.#now);
  }

  /** Returns the connection that a REJ is about. */
  #rejected(rej: Rej): Endpoint | undefined {
    const { reason, ari, localCommId, remoteCommId } = rej;
    // A sender that gives up its REQ does not know the communication ID of this end.
    if (
      reason === RejectReason.Timeout && remoteCommId === 0 &&
      ari.length >= GUID_LENGTH
    ) {
      const view = new DataView(ari.buffer, ari.byteOffset, GUID_LENGTH);
      return this.#table.byRemoteId(view.getBigUint64(0), localCommId);
    }
    const endpoint = this.#table.byLocalId(remoteCommId);
    return endpoint && isRemoteId(endpoint, localCommId) ? endpoint : undefined;
  }

  #onReq(req: Req, transactionId: bigint, from: MadAddress): void {
    const known = this.#table.byRemoteId(req.localCaGuid, req.localCommId);
    if (known) {
      const message = { kind: "req", transactionId, body: req } as const;
      return this.#deliver(message, known, from);
    }
    const reject = (obstacle: Obstacle) =>
      this.#reject(req, transactionId, from, obstacle);
    const obstacle = obstacleOf(req, this.#parts.port.attributes);
    if (obstacle) return reject(obstacle);
    const listener = this.#listeners.get(req.serviceId);
    if (listener === undefined) {
      return reject({ reason: RejectReason.InvalidServiceId, ari: NOTHING });
    }
    const stale = this.#table.byRemoteQpn(req.localCaGuid, req.localQpn);
    if (stale) {
      reject({ reason: RejectReason.StaleConnection, ari: NOTHING });
      return stale.onStale(from, this.#now);
    }
    if (this.#isFull) {
      this.#counters.add("refused_limit");
      return reject({ reason: RejectReason.NoResources, ari: NOTHING });
    }
    if (this.#tooManyPending) {
      this.#counters.add("drop_pending_limit");
      return;
    }
    const endpoint = new PassiveEndpoint(
      this.#context,
      req,
      transactionId,
      from,
      this.#random() & PSN_MASK,
    );
    endpoint.start(this.#now);
    listener(new ConnectionRequest(endpoint, this.#parts.reactor.clock));
  }

  get #tooManyPending(): boolean {
    if (this.#table.live < MAX_PENDING) return false;
    let pending = 0;
    for (const endpoint of this.#table.all()) {
      if (endpoint instanceof PassiveEndpoint && endpoint.pending) pending++;
    }
    return pending >= MAX_PENDING;
  }

  /** Rejects a REQ without a connection. Another copy of the REQ gets the same answer. */
  #reject(
    req: Req,
    transactionId: bigint,
    from: MadAddress,
    { reason, ari }: Obstacle,
  ): void {
    this.#counters.add("rej_sent");
    this.#parts.log.debug`Rejected a request of LID ${
      hex(from.lid)
    } for service ${hex(req.serviceId, 16)}: reason ${reason}`;
    this.#send({
      kind: "rej",
      transactionId,
      body: Rej.of({
        remoteCommId: req.localCommId,
        subject: CmSubject.Req,
        reason,
        ari,
      }),
    }, answerAddress(from, this.#parts.port.attributes, req.primary.localGid));
  }

  /** Answers a DREQ for an unknown connection, as Linux does. */
  #answerDreq(dreq: Dreq, transactionId: bigint, from: MadAddress): void {
    this.#counters.add("drop_unknown_id");
    this.#send({
      kind: "drep",
      transactionId,
      body: {
        localCommId: dreq.remoteCommId,
        remoteCommId: dreq.localCommId,
        privateData: NOTHING,
      },
    }, answerAddress(from, this.#parts.port.attributes));
  }

  #send(message: CmMessage, to: MadAddress): void {
    this.#transmit(CmMessage.emit(message), to);
  }

  #transmit(mad: Uint8Array, to: MadAddress): void {
    explain(
      this.#parts.log,
      () =>
        `CM message ${textOf(CmMessage.parse(mad))} sent to LID ${hex(to.lid)}`,
    );
    this.#parts.agent.send(mad, to);
  }
}

/** Returns a message as text for the log. */
function textOf(message: CmMessage | UnknownCmMessage | undefined): string {
  if (message === undefined || message.kind === "unknown") return "unknown";
  const kind = message.kind.toUpperCase();
  const local = hex(message.body.localCommId);
  if (message.kind === "req") {
    const { serviceId, localQpn } = message.body;
    return `${kind} ${local} for service ${hex(serviceId, 16)} by QPN ${
      hex(localQpn, 6)
    }`;
  }
  const ids = `${kind} ${local} to ${hex(message.body.remoteCommId)}`;
  return message.kind === "rej"
    ? `${ids} with reason ${message.body.reason}`
    : ids;
}

/** True if a message with this LocalCommID may be for the connection, which does not know the ID before a REP. */
function isRemoteId({ remoteId }: Endpoint, localCommId: number): boolean {
  return remoteId === undefined || remoteId === localCommId;
}

function secureRandom(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}
