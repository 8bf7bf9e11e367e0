/**
 * Neighbour events of one interface, from a socket of their own: a flood of them overruns no other events, and an
 * overrun here costs no dump of links, addresses and routes.
 *
 * The kernel tells of an entry that becomes valid or FAILED and of its deletion: of one by request first as FAILED, of one
 * by collection or with the link as deleted only, in its last state. It does not tell of a new INCOMPLETE entry, nor of
 * DELAY.
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

/** Events of one turn of the reactor. */
const TURN_LIMIT = 64;
/** While a flood goes on, losses are told once in this time. */
const LOST_INTERVAL: Millis = 1000;
/** Of struct ndmsg. */
const INDEX_END = 8;

export interface NeighbourEventsOptions {
  readonly reactor: Reactor;
  /** An open namespace, used during construction only; undefined for the thread's own. */
  readonly netns: number | undefined;
  readonly ifindex: number;
  /** Bytes of events that may wait; 1 MiB holds about 2500 of them. */
  readonly receiveBuffer?: number | undefined;
  /** What it changes is not told. */
  readonly requests: RequestSocket;
  readonly event: (record: NeighbourRecord, deleted: boolean) => void;
  /** Some events were lost: told at once, then at most once a second. A dump from inside the call is complete. */
  readonly lost: () => void;
}

/** See the module's documentation. */
export class NeighbourEvents {
  readonly #options: NeighbourEventsOptions;
  readonly #events: EventSocket;
  readonly #watch: Watch;
  readonly #timer: Timer;
  #toldAt: Millis = -Infinity;

  /** Throws `E_NETLINK`. */
  constructor(options: NeighbourEventsOptions) {
    this.#options = options;
    const { reactor, netns, ifindex, receiveBuffer } = options;
    this.#events = new EventSocket(netns, receiveBuffer);
    // Without the filter all is well, only slower.
    this.#events.filter(interfaceFilter(ifindex));
    this.#events.join(Group.NEIGH);
    this.#timer = reactor.timer((now) => this.#tell(now));
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
    const next = this.#toldAt + LOST_INTERVAL;
    if (now >= next) this.#tell(now);
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

  #tell(now: Millis): void {
    this.#toldAt = now;
    this.#timer.at(Infinity);
    this.#options.lost();
  }
}
