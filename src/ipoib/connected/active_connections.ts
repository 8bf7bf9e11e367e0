/**
 * Connections of an interface to its peers, which carry the IP packets that it sends in connected mode (RFC 4755, Linux
 * ipoib_cm.c). Packets of address resolution and multicast packets are sent on the UD queue pair.
 *
 * The first packet to a peer whose address has the flag 0x80 starts a connection. If the peer refuses it, or if it is
 * not established within four seconds, the peer is reached over UD for a minute; ib_ipoib drops all packets to such a
 * peer. A connection that ends is established again with the next packet, at a limited rate. It ends when the peer's
 * path changes, or after a minute without packets.
 */

import { IpoibError } from "../../base/errors.ts";
import { hex } from "../../base/hex.ts";
import {
  CONNECTED_MESSAGE,
  CONNECTED_MTU,
  ENCAP_LENGTH,
  type Millis,
} from "../../base/units.ts";
import type { ConnectionManager } from "../../cm/connection_manager.ts";
import type { ConnectionEnd, ConnectionReply } from "../../cm/events.ts";
import type { HcaPort } from "../../hca/hca.ts";
import type { UdQp } from "../../hca/ud_qp.ts";
import type { Reactor, Timer } from "../../system/reactor.ts";
import { LinkFlag } from "../../wire/link_address.ts";
import { RejectReason } from "../../wire/cm/rej.ts";
import { linuxServiceId } from "../../wire/cm/service_id.ts";
import { ConnectionData } from "../../wire/connection_data.ts";
import { formatGid } from "../../wire/gid.ts";
import type { PathRecord } from "../../wire/sa/path_record.ts";
import {
  CONNECT_TIMEOUT_MS,
  FALLBACK_MS,
  IDLE_MS,
  MAX_CONNECTION_FAILURES,
  RECONNECT_MS,
  STABLE_CONNECTION_MS,
} from "../constants.ts";
import type { DebugLog } from "../debug_log.ts";
import type { Egress } from "../egress.ts";
import type { InterfaceEvents } from "../interface_events.ts";
import type { LinkIdentity } from "../link_identity.ts";
import type { Peer } from "../peer.ts";
import type { PacketSender } from "../packet_sender.ts";
import {
  ActiveConnection,
  type Attempt,
  ConnectedEgress,
  UnconnectedEgress,
} from "./active_connection.ts";

/** Dependencies of {@linkcode ActiveConnections}. */
export interface ActiveParts {
  readonly reactor: Reactor;
  readonly port: HcaPort;
  readonly connections: ConnectionManager;
  readonly sender: PacketSender;
  readonly identity: LinkIdentity;
  readonly debug: DebugLog;
  readonly events: InterfaceEvents;
  /** Returns true in connected mode. */
  readonly enabled: () => boolean;
  /** Replaces the egress of a peer. */
  readonly setEgress: (peer: Peer, egress: Egress) => void;
  /** Reports a peer as unreachable. */
  readonly lost: (peer: Peer) => void;
}

export class ActiveConnections {
  /** Queue pair of the interface; undefined if there is none. */
  receiver: UdQp | undefined;
  readonly #parts: ActiveParts;
  readonly #active = new Map<Peer, ActiveConnection>();
  /** Those with a time of the next action. */
  readonly #timed = new Set<ActiveConnection>();
  readonly #timer: Timer;
  /** Time at which the timer fires; Infinity if it is not set. */
  #due: Millis = Infinity;

  constructor(parts: ActiveParts) {
    this.#parts = parts;
    this.#timer = parts.reactor.timer((now) => this.#tick(now));
  }

  /** Returns the connection of a peer; undefined if it has none, and is reached over UD. */
  find(peer: Peer): ActiveConnection | undefined {
    return this.#active.get(peer);
  }

  /** Number of established connections. */
  get established(): number {
    let count = 0;
    for (const { state } of this.#active.values()) {
      if (state === "established") count++;
    }
    return count;
  }

  /** Returns the egress for IP packets of a peer, whose route is now `route`, or whose mode has changed. */
  egressOf(peer: Peer, route: Egress): Egress {
    const record = peer.path?.ah ? peer.path.record : undefined;
    let active = this.#active.get(peer);
    const may = this.#parts.enabled() && record !== undefined &&
      (peer.address.flags & LinkFlag.Rc) !== 0;
    if (!may) {
      if (active) this.#remove(active);
      return route;
    }
    if (active && !samePath(active.record, record)) {
      this.#remove(active);
      active = undefined;
    }
    if (!active) {
      active = new ActiveConnection(peer, this.#parts.sender, record, route);
      this.#active.set(peer, active);
      return this.#unconnected(active);
    }
    active.record = record;
    active.route = route;
    return active.state === "refused" ? route : peer.egress;
  }

  close(): void {
    for (const active of [...this.#active.values()]) this.#remove(active);
    this.#timer.close();
  }

  #unconnected(active: ActiveConnection): Egress {
    return new UnconnectedEgress(
      this.#parts.sender,
      active,
      (each) => this.#open(each),
    );
  }

  /** Starts an attempt to connect. */
  #open(active: ActiveConnection): void {
    const { port, identity, connections } = this.#parts;
    const { receiver } = this;
    const now = this.#now();
    if (active.state === "idle") active.triedAt = now;
    if (!receiver) return;
    active.state = "connecting";
    this.#dueAt(active, Infinity);
    this.#log(active, "connecting");
    try {
      const qp = port.createRcQp({
        pkeyIndex: identity.pkeyIndex,
        receiver,
      });
      const attempt: Attempt = { qp, connection: undefined };
      active.attempt = attempt;
      const current = () => active.attempt === attempt;
      qp.onFailure = (failure) => {
        if (current()) this.#failed(active, failure, true);
      };
      attempt.connection = connections.connect({
        serviceId: linuxServiceId(active.peer.address.qpn),
        path: active.record,
        pkeyIndex: identity.pkeyIndex,
        qpn: qp.qpn,
        // The remote end only receives.
        startingPsn: 0,
        privateData: ConnectionData.emit({
          qpn: identity.qpn,
          mtu: CONNECTED_MESSAGE,
        }),
        timeout: Math.max(1, active.triedAt + CONNECT_TIMEOUT_MS - now),
      }, {
        onReply: (reply) => {
          if (current()) this.#onReply(active, reply);
        },
        onEnd: (end) => {
          if (current()) this.#onEnd(active, end);
        },
      });
    } catch (error) {
      this.#record(active, "failed", IpoibError.from(error).message);
      this.#refuse(active);
    }
  }

  #onReply(active: ActiveConnection, reply: ConnectionReply): void {
    const { connection, qp } = active.attempt!;
    const message = ConnectionData.parse(reply.privateData)?.mtu ?? 0;
    if (message <= ENCAP_LENGTH) {
      this.#record(active, "rejected", `the peer receives ${message} bytes`);
      this.#reject(active, RejectReason.Consumer);
      return;
    }
    try {
      qp.connect(reply.remote);
    } catch (error) {
      this.#record(active, "failed", IpoibError.from(error).message);
      this.#reject(active, RejectReason.NoResources);
      return;
    }
    connection!.confirm();
    active.state = "established";
    active.mtu = Math.min(message - ENCAP_LENGTH, CONNECTED_MTU);
    active.establishedAt = this.#now();
    this.#parts.sender.statistics.connections.add("connections_opened");
    this.#record(
      active,
      `connected to QPN ${hex(reply.qpn, 6)}, MTU ${active.mtu}`,
    );
    this.#dueAt(active, active.establishedAt + IDLE_MS);
    const egress = new ConnectedEgress(
      this.#parts.sender,
      active,
      qp,
      (each) => this.#lost(each),
    );
    this.#parts.setEgress(active.peer, egress);
    active.sendQueued();
  }

  #reject(active: ActiveConnection, reason: number): void {
    active.attempt!.connection!.reject(reason);
    this.#endAttempt(active, false);
    this.#parts.sender.statistics.connections.add("connections_failed");
    this.#refuse(active);
  }

  #onEnd(active: ActiveConnection, end: ConnectionEnd): void {
    if (end.why !== "rejected") {
      this.#failed(active, end.why, false);
      return;
    }
    const { statistics } = this.#parts.sender;
    statistics.connections.add("connections_rejected");
    const retry = end.reason === RejectReason.InvalidServiceId ||
      end.reason === RejectReason.StaleConnection;
    this.#record(active, "rejected", `reason ${end.reason}`);
    this.#endAttempt(active, false);
    if (retry) this.#again(active);
    else this.#refuse(active);
  }

  /** Ends a connection or an attempt that has failed. */
  #failed(active: ActiveConnection, why: string, disconnect: boolean): void {
    this.#record(active, "failed", why);
    this.#parts.sender.statistics.connections.add("connections_failed");
    this.#endAttempt(active, disconnect);
    this.#again(active);
  }

  #lost(active: ActiveConnection): void {
    this.#failed(active, "unreachable", true);
    this.#parts.lost(active.peer);
  }

  /** Prepares the next attempt after a failure, or uses UD only. */
  #again(active: ActiveConnection): void {
    const now = this.#now();
    const wasEstablished = active.state === "established";
    if (wasEstablished) {
      this.#parts.setEgress(active.peer, this.#unconnected(active));
      if (now - active.establishedAt >= STABLE_CONNECTION_MS) {
        active.failures = 0;
        this.#idle(active);
        return;
      }
      active.triedAt = now;
    }
    const delay = RECONNECT_MS * 2 ** active.failures++;
    if (
      active.failures > MAX_CONNECTION_FAILURES ||
      now + delay >= active.triedAt + CONNECT_TIMEOUT_MS
    ) {
      this.#refuse(active);
      return;
    }
    active.state = "paused";
    this.#dueAt(active, now + delay);
  }

  #idle(active: ActiveConnection): void {
    active.state = "idle";
    this.#dueAt(active, Infinity);
  }

  /** Uses UD only for a minute. */
  #refuse(active: ActiveConnection): void {
    this.#record(active, "using datagrams for a minute");
    this.#parts.sender.statistics.connections.add("connections_fallbacks");
    this.#endAttempt(active, true);
    active.state = "refused";
    active.failures = 0;
    this.#dueAt(active, this.#now() + FALLBACK_MS);
    this.#parts.setEgress(active.peer, active.route);
    active.sendQueued();
  }

  /** Closes the queue pair of the attempt or connection. */
  #endAttempt(active: ActiveConnection, disconnect: boolean): void {
    const { attempt } = active;
    if (!attempt) return;
    active.attempt = undefined;
    if (disconnect) attempt.connection?.disconnect();
    attempt.qp.close();
  }

  #remove(active: ActiveConnection): void {
    this.#active.delete(active.peer);
    this.#timed.delete(active);
    this.#endAttempt(active, true);
    active.queue.drop("tx_connection_failed");
  }

  #tick(now: Millis): void {
    for (const active of [...this.#timed]) {
      if (active.dueAt <= now) this.#onDue(active, now);
    }
    this.#due = Infinity;
    for (const { dueAt } of this.#timed) {
      if (dueAt < this.#due) this.#due = dueAt;
    }
    this.#timer.at(this.#due);
  }

  #onDue(active: ActiveConnection, now: Millis): void {
    switch (active.state) {
      case "established":
        this.#checkIdle(active, now);
        break;
      case "paused":
        if (active.queue.length > 0) this.#open(active);
        else this.#idle(active);
        break;
      case "refused":
        this.#idle(active);
        this.#parts.setEgress(active.peer, this.#unconnected(active));
        break;
      case "idle":
      case "connecting":
        // They have no time of a next action.
        break;
    }
  }

  #checkIdle(active: ActiveConnection, now: Millis): void {
    const idleAt = Math.max(active.peer.usedAt, active.establishedAt) + IDLE_MS;
    if (idleAt > now) {
      this.#dueAt(active, idleAt);
      return;
    }
    this.#record(active, "disconnected", "no packets for a minute");
    this.#parts.sender.statistics.connections.add("connections_idle");
    this.#endAttempt(active, true);
    this.#parts.setEgress(active.peer, this.#unconnected(active));
    active.failures = 0;
    this.#idle(active);
  }

  #dueAt(active: ActiveConnection, when: Millis): void {
    active.dueAt = when;
    if (when === Infinity) this.#timed.delete(active);
    else {
      this.#timed.add(active);
      if (when < this.#due) this.#timer.at(this.#due = when);
    }
  }

  #now(): Millis {
    return this.#parts.reactor.clock.now();
  }

  #log(active: ActiveConnection, text: string): void {
    this.#parts.debug.general(() => `Connection ${nameOf(active)}: ${text}`);
  }

  /** Records a new state of a connection, with its cause, as an event and a debug line. */
  #record(active: ActiveConnection, state: string, cause?: string): void {
    this.#log(active, cause === undefined ? state : `${state}: ${cause}`);
    this.#parts.events.add("path", "connection", () => ({
      subject: nameOf(active),
      new: state,
      cause,
    }));
  }
}

function nameOf({ peer: { address } }: ActiveConnection): string {
  return `to ${formatGid(address.gid)} QPN ${hex(address.qpn, 6)}`;
}

/** True if a connection on path `a` can stay after the path has become `b`. */
function samePath(a: PathRecord, b: PathRecord): boolean {
  return a.dlid === b.dlid && a.sl === b.sl && a.rate === b.rate &&
    a.mtu === b.mtu && a.hopLimit === b.hopLimit &&
    a.flowLabel === b.flowLabel && a.tclass === b.tclass;
}
