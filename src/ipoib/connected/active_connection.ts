/** The connection to one peer, and the egresses of the peer in connected mode. */

import type { Millis } from "../../base/units.ts";
import type { Connection } from "../../cm/connection.ts";
import { PostResult } from "../../hca/post_result.ts";
import type { RcQp } from "../../hca/rc_qp.ts";
import type { PathRecord } from "../../wire/sa/path_record.ts";
import { MAX_WAITING_PACKETS } from "../constants.ts";
import type { Egress } from "../egress.ts";
import { PacketQueue } from "../packet_queue.ts";
import type { Peer } from "../peer.ts";
import type { PacketSender } from "../packet_sender.ts";

/**
 * State of an {@linkcode ActiveConnection}:
 *
 * | state       | meaning                                             | packets that fit UD | longer packets      |
 * |-------------|-----------------------------------------------------|---------------------|---------------------|
 * | idle        | the next packet starts the connection               | UD                  | wait                |
 * | connecting  | the connection manager establishes the connection   | UD                  | wait                |
 * | paused      | an attempt has failed, another one follows          | UD                  | wait                |
 * | established |                                                     | connection          | connection          |
 * | refused     | the peer is reached over UD only, for a minute      | UD                  | dropped as too long |
 */
export type ActiveState =
  | "idle"
  | "connecting"
  | "paused"
  | "established"
  | "refused";

/** The queue pair and the connection of an attempt. */
export interface Attempt {
  readonly qp: RcQp;
  /** Undefined until the connection manager has sent the REQ. */
  connection: Connection | undefined;
}

export class ActiveConnection {
  readonly peer: Peer;
  /** Packets that do not fit the UD queue pair, until the connection is established. */
  readonly queue: PacketQueue;
  state: ActiveState = "idle";
  /** Path of the peer. */
  record: PathRecord;
  /** Egress of the peer on the UD queue pair. */
  route: Egress;
  attempt: Attempt | undefined;
  /** Maximum length of an IP packet on the connection, in bytes. */
  mtu = 0;
  establishedAt: Millis = 0;
  /** Time of the first attempt since the last connection. */
  triedAt: Millis = 0;
  /** Consecutive failures: attempts without success, and connections that ended soon. */
  failures = 0;
  /** Time of the next action: an attempt, the end of a refusal, or a check for an idle connection. */
  dueAt: Millis = Infinity;

  constructor(
    peer: Peer,
    sender: PacketSender,
    record: PathRecord,
    route: Egress,
  ) {
    this.peer = peer;
    this.record = record;
    this.route = route;
    this.queue = new PacketQueue(
      sender,
      MAX_WAITING_PACKETS,
      "tx_connection_queue",
    );
  }

  /** QPN of the remote RC queue pair; 0 while it is unknown. */
  get remoteQpn(): number {
    return this.attempt?.connection?.remoteQpn ?? 0;
  }

  /** Sends the waiting packets to the peer's egress. They do not count as use again. */
  sendQueued(): void {
    const { peer } = this;
    const { usedAt } = peer;
    this.queue.sendTo(peer);
    peer.usedAt = usedAt;
  }
}

/** Egress of a peer without a connection that may have one. */
export class UnconnectedEgress implements Egress {
  readonly #sender: PacketSender;
  readonly #active: ActiveConnection;
  readonly #connect: (active: ActiveConnection) => void;

  /** @param connect starts the connection, if it is idle */
  constructor(
    sender: PacketSender,
    active: ActiveConnection,
    connect: (active: ActiveConnection) => void,
  ) {
    this.#sender = sender;
    this.#active = active;
    this.#connect = connect;
  }

  send(slot: number, length: number): void {
    const active = this.#active;
    active.peer.usedAt = this.#sender.now;
    if (active.state === "idle") this.#connect(active);
    const { mtu } = this.#sender;
    if (active.state === "refused" || this.#sender.fits(slot, length, mtu)) {
      active.route.send(slot, length);
    } else active.queue.push(slot, length);
  }
}

/** Egress of a peer with a connection. */
export class ConnectedEgress implements Egress {
  readonly #sender: PacketSender;
  readonly #active: ActiveConnection;
  readonly #qp: RcQp;
  readonly #lost: (active: ActiveConnection) => void;

  /** @param lost called if the HCA reports the peer as unreachable */
  constructor(
    sender: PacketSender,
    active: ActiveConnection,
    qp: RcQp,
    lost: (active: ActiveConnection) => void,
  ) {
    this.#sender = sender;
    this.#active = active;
    this.#qp = qp;
    this.#lost = lost;
  }

  send(slot: number, length: number): void {
    const sender = this.#sender;
    const active = this.#active;
    active.peer.usedAt = sender.now;
    if (!sender.fits(slot, length, active.mtu)) {
      sender.dropTooLong(slot, length, active.mtu);
      return;
    }
    const { traffic } = active.peer;
    const result = sender.postConnected(slot, length, this.#qp, traffic);
    if (result === PostResult.Unreachable) this.#lost(active);
  }
}
