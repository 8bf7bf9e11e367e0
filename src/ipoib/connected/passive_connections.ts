/**
 * Connections of other hosts to an interface, on which it only receives (RFC 4755, Linux ipoib_cm.c).
 *
 * An interface listens on the service ID of ib_ipoib and on that of RFC 4755, in datagram mode too. A connection ends
 * when the remote end disconnects, when its queue pair fails, and when the same link-layer address connects again.
 * Connections that a host has left behind, because it has restarted without a DREQ, end after 512 s without a message
 * (checked every 256 s), or sooner, when a connection is requested
 *
 *  - by the same port, which has another QPN now, if they had no message for ABANDONED_MS. Another interface on the port
 *    may have connections too, which are in use.
 *  - at the limit: the least recently used connection is replaced. A refusal would be worse: ib_ipoib drops all packets
 *    to a host that refuses it, but connects again, with its next packet, to one that has ended the connection.
 */

import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import { hex } from "../../base/hex.ts";
import {
  CONNECTED_MESSAGE,
  type Millis,
  pkeysMatch,
} from "../../base/units.ts";
import type { Connection, ConnectionRequest } from "../../cm/connection.ts";
import type { ConnectionManager } from "../../cm/connection_manager.ts";
import type { HcaPort } from "../../hca/hca.ts";
import type { RcQp } from "../../hca/rc_qp.ts";
import type { UdQp } from "../../hca/ud_qp.ts";
import type { Reactor, Timer } from "../../system/reactor.ts";
import { RejectReason } from "../../wire/cm/rej.ts";
import { linuxServiceId, rfcServiceId } from "../../wire/cm/service_id.ts";
import { ConnectionData } from "../../wire/connection_data.ts";
import { formatGid, gidEquals, gidKey } from "../../wire/gid.ts";
import { type LinkAddress, LinkFlag } from "../../wire/link_address.ts";
import {
  ABANDONED_MS,
  PASSIVE_CHECK_MS,
  PASSIVE_IDLE_MS,
  REPLACE_INTERVAL_MS,
  REPLACEABLE_IDLE_MS,
} from "../constants.ts";
import type { DebugLog } from "../debug_log.ts";
import type { InterfaceEvents } from "../interface_events.ts";
import type { LinkIdentity } from "../link_identity.ts";
import type { PeerTable } from "../peer.ts";
import { connectionKey } from "../senders.ts";
import type { Statistics } from "../statistics.ts";
import {
  addTraffic,
  newTraffic,
  type Traffic,
  TrafficCount,
} from "../traffic.ts";

/** Interval of the checks for messages on connections whose confirmation (RTU) has not arrived. */
const CONFIRM_MS = 1000;

interface PassiveConnection {
  /** The remote link-layer address, without flags. */
  readonly key: string;
  /** Its flags are those of ib_ipoib in connected mode. */
  readonly address: LinkAddress;
  /** Packets received on the connection. */
  readonly traffic: Traffic;
  readonly qp: RcQp;
  readonly request: ConnectionRequest;
  readonly acceptedAt: Millis;
  connection: Connection | undefined;
}

/** Dependencies of {@linkcode PassiveConnections}. */
export interface PassiveParts {
  readonly reactor: Reactor;
  readonly port: HcaPort;
  readonly connections: ConnectionManager;
  readonly identity: LinkIdentity;
  readonly peers: Pick<PeerTable, "find" | "senders">;
  readonly statistics: Statistics;
  readonly debug: DebugLog;
  readonly events: InterfaceEvents;
  /** Maximum number of connections. */
  readonly limit: number;
}

export class PassiveConnections {
  readonly #parts: PassiveParts;
  readonly #connections = new Map<string, PassiveConnection>();
  /** Connections whose RTU has not arrived. */
  readonly #unconfirmed = new Set<PassiveConnection>();
  readonly #timer: Timer;
  readonly #confirmTimer: Timer;
  #receiver: UdQp | undefined;
  /** Functions that end the listeners. */
  #listeners: (() => void)[] = [];
  /** Earliest time of the next replacement of a connection in use. */
  #nextReplacement: Millis = -Infinity;

  constructor(parts: PassiveParts) {
    this.#parts = parts;
    this.#timer = parts.reactor.timer((now) => this.#check(now));
    this.#confirmTimer = parts.reactor.timer((now) => this.#confirm(now));
  }

  get size(): number {
    return this.#connections.size;
  }

  /** Returns the packets received on the connection of this peer, if there is one. */
  trafficOf(address: LinkAddress): Traffic | undefined {
    return this.#connections.get(keyOf(address))?.traffic;
  }

  /** Accepts connections, whose messages are polled from `receiver`. */
  listen(receiver: UdQp): void {
    this.stop();
    this.#receiver = receiver;
    const { connections } = this.#parts;
    this.#listeners = [linuxServiceId, rfcServiceId].map((serviceId) =>
      connections.listen(
        serviceId(receiver.qpn),
        (request) => this.#onRequest(request),
      )
    );
  }

  /** Ends all connections and accepts no more. */
  stop(): void {
    this.#receiver = undefined;
    for (const end of this.#listeners.splice(0)) end();
    for (const each of [...this.#connections.values()]) this.#end(each, true);
    this.#timer.at(Infinity);
  }

  close(): void {
    this.stop();
    this.#timer.close();
    this.#confirmTimer.close();
  }

  #onRequest(request: ConnectionRequest): void {
    const { identity, limit } = this.#parts;
    const sender = ConnectionData.parse(request.privateData);
    if (!sender || !pkeysMatch(request.pkey, identity.pkey)) {
      this.#refuse(request, RejectReason.Consumer, "invalid request");
      return;
    }
    const { remoteGid: gid } = request;
    const address = { flags: LinkFlag.Rc, qpn: sender.qpn, gid };
    const key = keyOf(address);
    const old = this.#connections.get(key);
    if (old) this.#end(old, true);
    this.#endAbandoned(gid);
    const why = `the limit of ${limit} connections is reached`;
    if (this.#connections.size >= limit && !this.#evict(why)) {
      this.#refuse(request, RejectReason.NoQp, why);
      return;
    }
    try {
      this.#accept(request, key, address);
    } catch (error) {
      const { message } = IpoibError.from(error);
      this.#refuse(request, RejectReason.NoQp, message);
    }
  }

  #accept(
    request: ConnectionRequest,
    key: string,
    address: LinkAddress,
  ): void {
    const { identity, statistics, peers } = this.#parts;
    const now = this.#now();
    const qp = this.#createQp();
    try {
      qp.connect(request.remote);
    } catch (error) {
      qp.close();
      throw error;
    }
    const passive: PassiveConnection = {
      ...{ key, address, qp, request, acceptedAt: now },
      ...{ traffic: newTraffic(), connection: undefined },
    };
    this.#connections.set(key, passive);
    peers.senders.set(connectionKey(qp.qpn), passive.traffic);
    statistics.connections.add("connections_accepted");
    this.#record(request, `accepted with QPN ${hex(qp.qpn, 6)}`);
    qp.onFailure = (failure) => {
      this.#record(request, "failed", failure);
      this.#end(passive, true);
    };
    const connection = request.accept({
      qpn: qp.qpn,
      privateData: ConnectionData.emit({
        qpn: identity.qpn,
        mtu: CONNECTED_MESSAGE,
      }),
    }, {
      onEstablished: () => this.#unconfirmed.delete(passive),
      onEnd: ({ why }) => {
        this.#record(request, "ended", why);
        this.#end(passive, false);
      },
    });
    passive.connection = connection;
    this.#unconfirmed.add(passive);
    this.#confirmTimer.at(now + CONFIRM_MS);
    if (this.#connections.size === 1) this.#timer.at(now + PASSIVE_CHECK_MS);
  }

  /** Creates a queue pair. If the device has no more, the least recently used connection is replaced. */
  #createQp(): RcQp {
    const { port, identity: { pkeyIndex } } = this.#parts;
    const options = { pkeyIndex, receiver: this.#receiver! };
    try {
      return port.createRcQp(options);
    } catch (error) {
      const { errno, message } = IpoibError.from(error);
      if (errno !== Errno.ENOSPC || !this.#evict(message)) throw error;
      return port.createRcQp(options);
    }
  }

  #refuse(request: ConnectionRequest, reason: number, why: string): void {
    this.#parts.statistics.connections.add("connections_refused");
    this.#record(request, "refused", why);
    request.reject(reason);
  }

  #end(passive: PassiveConnection, disconnect: boolean): void {
    if (this.#connections.get(passive.key) !== passive) return;
    this.#connections.delete(passive.key);
    this.#unconfirmed.delete(passive);
    this.#handOver(passive);
    if (disconnect) passive.connection?.disconnect();
    passive.qp.close();
  }

  /** Adds the traffic of a connection that ends to that of its peer, or of other senders if there is none. */
  #handOver({ address, traffic, qp }: PassiveConnection): void {
    const { peers } = this.#parts;
    peers.senders.delete(connectionKey(qp.qpn), traffic);
    addTraffic(peers.find(address)?.traffic ?? peers.senders.others, traffic);
  }

  /** Reports messages on connections whose RTU was lost, because otherwise their establishment would time out. */
  #confirm(now: Millis): void {
    for (const { qp, connection } of [...this.#unconfirmed]) {
      if (qp.received > 0) connection?.noticeTraffic();
    }
    if (this.#unconfirmed.size > 0) this.#confirmTimer.at(now + CONFIRM_MS);
  }

  /** Ends idle connections. */
  #check(now: Millis): void {
    this.#endSilent(now - PASSIVE_IDLE_MS, () => true);
    if (this.#connections.size > 0) this.#timer.at(now + PASSIVE_CHECK_MS);
  }

  /** Ends the connections of a port whose sender would have ended them if it still existed. */
  #endAbandoned(gid: Uint8Array): void {
    const since = this.#now() - ABANDONED_MS;
    this.#endSilent(since, ({ address }) => gidEquals(address.gid, gid));
  }

  /** Ends the connections to which `applies` and that had no message after `since`. */
  #endSilent(
    since: Millis,
    applies: (passive: PassiveConnection) => boolean,
  ): void {
    for (const passive of [...this.#connections.values()]) {
      if (usedAt(passive) > since || !applies(passive)) continue;
      this.#parts.statistics.connections.add("connections_idle");
      this.#record(passive.request, "ended", "no messages");
      this.#end(passive, true);
    }
  }

  /**
   * Ends the least recently used connection for a new one. Those in use are replaced at a limited rate, because each
   * replacement costs their peers packets. Returns false if there is none, or the rate is exceeded.
   */
  #evict(why: string): boolean {
    const now = this.#now();
    let oldest: PassiveConnection | undefined;
    for (const passive of this.#connections.values()) {
      if (!oldest || usedAt(passive) < usedAt(oldest)) oldest = passive;
    }
    if (!oldest) return false;
    if (now - usedAt(oldest) < REPLACEABLE_IDLE_MS) {
      if (now < this.#nextReplacement) return false;
      this.#nextReplacement = now + REPLACE_INTERVAL_MS;
    }
    this.#parts.statistics.connections.add("connections_evicted");
    this.#record(oldest.request, "ended", why);
    this.#end(oldest, true);
    return true;
  }

  #now(): Millis {
    return this.#parts.reactor.clock.now();
  }

  /** Records a new state of a connection, with its cause, as an event and a debug line. */
  #record(
    { remoteGid, qpn }: ConnectionRequest,
    state: string,
    cause?: string,
  ): void {
    const { debug, events } = this.#parts;
    const subject = () => `from ${formatGid(remoteGid)} QPN ${hex(qpn, 6)}`;
    debug.general(() =>
      `Connection ${subject()} ${
        cause === undefined ? state : `${state}: ${cause}`
      }`
    );
    events.add("path", "connection", () => ({
      subject: subject(),
      new: state,
      cause,
    }));
  }
}

/** Returns the key of a remote link-layer address, whose flags do not matter. */
function keyOf({ qpn, gid }: LinkAddress): string {
  return `${qpn}/${gidKey(gid)}`;
}

/** Returns the time of the last message, or of the acceptance if there was none. */
function usedAt({ acceptedAt, traffic }: PassiveConnection): Millis {
  return Math.max(acceptedAt, traffic[TrafficCount.SeenAt]!);
}
