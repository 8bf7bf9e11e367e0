/** Multicast memberships from rtnetlink: a dump, then events of RTNLGRP_IPV4_MCADDR and RTNLGRP_IPV6_MCADDR. */

import { IpoibError } from "../../base/errors.ts";
import type { Millis } from "../../base/units.ts";
import type { Reactor, Timer, Watch } from "../../system/reactor.ts";
import { EventSocket, Group } from "../rtnetlink/event_socket.ts";
import {
  dumpMemberships,
  parseMembership,
  RTM_DELMULTICAST,
  RTM_NEWMULTICAST,
} from "../rtnetlink/multicast.ts";
import type { NetlinkMessage } from "../rtnetlink/message.ts";
import type { IpAddress } from "../../wire/ip_address.ts";
import { AF_INET, AF_INET6 } from "../rtnetlink/address.ts";
import { READ_AGAIN_MS, RefusableRead } from "../refusable_read.ts";
import { RequestSocket } from "../rtnetlink/socket.ts";
import {
  changePause,
  type Groups,
  groupsOf,
  type KernelMemberships,
  type MembershipOptions,
  sameGroups,
} from "./kernel_memberships.ts";

/** {@linkcode KernelMemberships} from rtnetlink. */
export class RtnetlinkMemberships implements KernelMemberships {
  readonly source = "rtnetlink";
  readonly #ifindex: number;
  readonly #changed: () => void;
  readonly #events: EventSocket;
  readonly #requests: RequestSocket;
  readonly #reactor: Reactor;
  readonly #watch: Watch;
  readonly #timer: Timer;
  #groups: Groups;
  /** The next value of `groups`, to which events are applied. */
  #next: Map<string, IpAddress> | undefined;
  readonly #reads = new RefusableRead();
  /** True if events were lost since the last update, or the last dump was refused. */
  #lost = false;
  #changedAt: Millis = -Infinity;

  /** Throws `E_MEMBERSHIPS` if the kernel lacks these events or dumps, `E_NETLINK` and `E_NETNS`. */
  constructor({ reactor, netns, ifindex, changed }: MembershipOptions) {
    this.#ifindex = ifindex;
    this.#changed = changed;
    using parts = new DisposableStack();
    this.#events = parts.adopt(new EventSocket(netns), (each) => each.close());
    this.#requests = parts.adopt(
      new RequestSocket(netns),
      (each) => each.close(),
    );
    try {
      if (
        !this.#events.join(Group.IPV4_MCADDR) ||
        !this.#events.join(Group.IPV6_MCADDR)
      ) {
        throw new Error("The kernel has no multicast membership events");
      }
      this.#groups = this.#dump();
    } catch (cause) {
      throw new IpoibError(
        "E_MEMBERSHIPS",
        "Cannot monitor multicast memberships with rtnetlink",
        { hint: "use `--memberships proc` on this kernel", cause },
      );
    }
    this.#reactor = reactor;
    this.#timer = reactor.timer((now) => this.#take(now));
    this.#watch = reactor.watch(this.#events.fd, () => this.#drain());
    parts.move();
  }

  get groups(): Groups {
    return this.#groups;
  }

  refresh(): void {
    const groups = this.#reads.attempt(this.#ifindex, () => this.#dump());
    if (groups) {
      this.#replace(groups);
      return;
    }
    this.#lost = true;
    this.#timer.at(this.#reactor.clock.now() + READ_AGAIN_MS);
  }

  noteReport(_now: Millis): void {
    // The kernel sends an event for each change.
  }

  close(): void {
    this.#watch.close();
    this.#timer.close();
    this.#events.close();
    this.#requests.close();
  }

  #drain(): void {
    const outcome = this.#events.drain((message) => this.#apply(message));
    if (outcome === "overrun") this.#lost = true;
    if (!this.#lost && !this.#next) return;
    const now = this.#reactor.clock.now();
    const due = this.#changedAt + changePause(this.#groups.size);
    if (now >= due) this.#take(now);
    else this.#timer.at(due);
  }

  #take(now: Millis): void {
    const next = this.#next;
    const lost = this.#lost;
    this.#next = undefined;
    this.#lost = false;
    this.#changedAt = now;
    if (lost) this.refresh();
    else if (next) this.#replace(next);
  }

  #apply(message: NetlinkMessage): void {
    const record = parseMembership(message);
    if (record?.ifindex !== this.#ifindex) return;
    const key = String(record.group);
    this.#next ??= new Map(this.#groups);
    if (message.type === RTM_NEWMULTICAST) this.#next.set(key, record.group);
    if (message.type === RTM_DELMULTICAST) this.#next.delete(key);
  }

  #dump(): Groups {
    const families = [AF_INET, AF_INET6];
    return groupsOf(
      families.flatMap((family) =>
        dumpMemberships(this.#requests, this.#ifindex, family)
      ),
    );
  }

  #replace(groups: Groups): void {
    if (sameGroups(groups, this.#groups)) return;
    this.#groups = groups;
    this.#changed();
  }
}
