/**
 * Neighbour events of one interface, received on a separate socket, so that a flood of them causes no loss of other
 * events, and their loss no dump of links, addresses and routes.
 *
 * The kernel sends an event when an entry becomes valid or FAILED, and when it is deleted. An entry deleted by request
 * is first reported as FAILED. An entry deleted by garbage collection or with the link is only reported as deleted,
 * with its last state. The kernel sends no event for a new INCOMPLETE entry or for the state DELAY.
 */

import type { Millis } from "../../base/units.ts";
import type { Reactor, Timer, Watch } from "../../system/reactor.ts";
import { EventSocket, Group } from "./event_socket.ts";
import { interfaceFilter } from "./event_filter.ts";
import type { NetlinkMessage } from "./message.ts";
import type { RequestSocket } from "./socket.ts";
import {
  type NeighbourRecord,
  parseNeighbour,
  RTM_DELNEIGH,
} from "./neighbour.ts";

/** Maximum datagrams per turn of the reactor. A datagram has one event. */
const TURN_LIMIT = 64;
/** Minimum interval between two calls of `lost`. */
const LOST_INTERVAL_MS: Millis = 1000;
/** End of the interface index in struct ndmsg. */
const INDEX_END = 8;

export interface NeighbourEventsOptions {
  readonly reactor: Reactor;
  /** An open namespace, used during construction only; undefined for the thread's own. */
  readonly netns: number | undefined;
  readonly ifindex: number;
  /** Size in bytes of the queue for events. 1 MiB holds about 2500 events. */
  readonly receiveBuffer?: number | undefined;
  /** Events caused by requests of this socket are ignored. */
  readonly requests: RequestSocket;
  readonly event: (record: NeighbourRecord, deleted: boolean) => void;
  /** Called if events were lost, at most once per second. A dump within the call is complete. */
  readonly lost: () => void;
}

/** Receives the neighbour events of an interface. */
export class NeighbourEvents {
  readonly #options: NeighbourEventsOptions;
  readonly #events: EventSocket;
  readonly #watch: Watch;
  readonly #timer: Timer;
  #notifiedAt: Millis = -Infinity;

  /** Throws `E_NETLINK` and `E_NETNS`. */
  constructor(options: NeighbourEventsOptions) {
    this.#options = options;
    const { reactor, netns, ifindex, receiveBuffer } = options;
    this.#events = new EventSocket(netns, receiveBuffer);
    // A failure is ignored, because `#apply` checks the interface, too.
    this.#events.filter(interfaceFilter(ifindex));
    this.#events.join(Group.NEIGH);
    this.#timer = reactor.timer((now) => this.#notifyLost(now));
    this.#watch = reactor.watch(this.#events.fd, () => this.#drain());
  }

  close(): void {
    this.#watch.close();
    this.#timer.close();
    this.#events.close();
  }

  #drain(): void {
    const outcome = this.#events.drain(
      (message) => this.#apply(message),
      TURN_LIMIT,
    );
    if (outcome === "ok") return;
    const now = this.#options.reactor.clock.now();
    const next = this.#notifiedAt + LOST_INTERVAL_MS;
    if (now >= next) this.#notifyLost(now);
    else this.#timer.at(next);
  }

  #apply(message: NetlinkMessage): void {
    const { body, type, port } = message;
    const { ifindex, event, requests } = this.#options;
    if (port !== 0 && port === requests.port) return;
    if (body.byteLength < INDEX_END || body.getInt32(4, true) !== ifindex) {
      return;
    }
    const record = parseNeighbour(message);
    if (record) event(record, type === RTM_DELNEIGH);
  }

  #notifyLost(now: Millis): void {
    this.#notifiedAt = now;
    this.#timer.at(Infinity);
    this.#options.lost();
  }
}
