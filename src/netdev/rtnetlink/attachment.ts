/** The sockets and subscriptions of a mirror (mirror.ts) in the network namespace of its interface. */

import {
  describeNamespace,
  type NetworkNamespace,
} from "../../system/namespace.ts";
import type { Reactor, Watch } from "../../system/reactor.ts";
import type {
  KernelMemberships,
  MembershipSource,
} from "../memberships/kernel_memberships.ts";
import { openMemberships } from "../memberships/open_memberships.ts";
import { EventSocket, Group } from "./event_socket.ts";
import type { NeighbourRecord } from "./neighbour.ts";
import { NeighbourEvents } from "./neighbour_events.ts";
import { RequestSocket } from "./socket.ts";

/** Multicast groups of the events of links, addresses, routes, rules and nexthop objects. */
const GROUPS = [
  Group.LINK,
  Group.IPV4_IFADDR,
  Group.IPV4_ROUTE,
  Group.IPV4_RULE,
  Group.IPV6_IFADDR,
  Group.IPV6_ROUTE,
  Group.IPV6_RULE,
  Group.NEXTHOP,
];

export interface AttachmentOptions {
  readonly reactor: Reactor;
  /** An open namespace, used during construction only; undefined for the thread's own. */
  readonly netns: number | undefined;
  readonly ifindex: number;
  readonly memberships: MembershipSource | "auto";
  /** Size in bytes of the queues for events. */
  readonly receiveBuffer: number | undefined;
  /** Called when events can be read. */
  readonly readable: () => void;
  /** Called after the memberships have changed. */
  readonly membershipsChanged: () => void;
  readonly neighbour: (record: NeighbourRecord, deleted: boolean) => void;
  /** Called after events of neighbours were lost. */
  readonly neighboursLost: () => void;
}

export class Attachment {
  readonly namespace: NetworkNamespace;
  readonly ifindex: number;
  readonly events: EventSocket;
  readonly requests: RequestSocket;
  readonly memberships: KernelMemberships;
  readonly #neighbours: NeighbourEvents;
  readonly #watch: Watch;

  /** Throws `E_NETLINK`, `E_NETNS` and `E_MEMBERSHIPS`. */
  constructor(options: AttachmentOptions) {
    const { reactor, netns, ifindex, memberships, receiveBuffer } = options;
    this.namespace = describeNamespace(netns);
    this.ifindex = ifindex;
    using parts = new DisposableStack();
    this.events = parts.use(new EventSocket(netns, receiveBuffer));
    for (const group of GROUPS) this.events.join(group);
    this.requests = parts.use(new RequestSocket(netns));
    const changed = options.membershipsChanged;
    this.memberships = parts.adopt(
      openMemberships(memberships, { reactor, netns, ifindex, changed }),
      (opened) => opened.close(),
    );
    this.#neighbours = new NeighbourEvents({
      ...{ reactor, netns, ifindex, receiveBuffer, requests: this.requests },
      event: options.neighbour,
      lost: options.neighboursLost,
    });
    parts.move();
    this.#watch = reactor.watch(this.events.fd, options.readable);
  }

  close(): void {
    this.#watch.close();
    this.memberships.close();
    this.#neighbours.close();
    this.requests.close();
    this.events.close();
  }
}
