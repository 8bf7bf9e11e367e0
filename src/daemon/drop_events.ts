/**
 * Records packets that the interfaces have dropped, by reason.
 *
 * The data path only counts drops. The counters are compared every {@linkcode CHECK_MS}; drops for one reason have one
 * event per {@linkcode REPORT_MS}. The drops of the queue of a network device are known to the kernel only, so each
 * check asks about one interface.
 */

import type { Millis } from "../base/units.ts";
import type { IpoibInterface } from "../ipoib/interface.ts";
import type { DropReason } from "../ipoib/statistics.ts";
import type { Reactor } from "../system/reactor.ts";

const CHECK_MS: Millis = 5000;
const REPORT_MS: Millis = 60_000;

/** The counter of the drops of the queue of a network device. */
const DEVICE_QUEUE = "tx_device_queue";
/** While the link is down, the network device drops all packets, and counts them as its queue does. */
const WHILE_DOWN = "tx_device_queue while the link is down";

/** The reasons as causes. */
const CAUSES: Readonly<
  Record<DropReason | typeof DEVICE_QUEUE | typeof WHILE_DOWN, string>
> = {
  [DEVICE_QUEUE]: "the queue of the network device was full",
  [WHILE_DOWN]: "the link was down",
  "tx_unknown_type": "packets of unknown type",
  "tx_malformed": "malformed packets",
  "tx_no_route": "no route to the destination",
  "tx_link_down": "the link was down",
  "tx_waiting_full": "too many packets wait for addresses, paths and joins",
  "tx_neighbour_queue": "too many packets wait for the address of a neighbour",
  "tx_neighbour_failed": "the address of a neighbour was not resolved",
  "tx_path_queue": "too many packets wait for a path",
  "tx_path_failed": "a path was not found",
  "tx_connection_queue": "too many packets wait for a connection",
  "tx_connection_failed": "a connection has failed",
  "tx_group_queue": "too many packets wait for the join of a group",
  "tx_group_failed": "a group was not joined",
  "tx_group_limit": "the limit of groups is reached",
  "tx_too_long": "packets longer than the MTU of their path",
  "tx_unreachable": "the port of a peer was gone",
  "tx_no_credit": "a peer is too slow or has stopped",
  "tx_not_ready": "the port was not ready to send",
  "tx_no_slot": "all send buffers were in use",
  "rx_unknown_type": "packets of unknown type",
  "rx_malformed": "malformed packets",
  "rx_device_down": "the network device was down",
  "rx_device_refused": "the network device has refused packets",
};

interface Queue {
  /** The counter at the last check. */
  drops: number;
  /** True if the link was down at a check since then. */
  wasDown: boolean;
  /** Drops while the link was up, and while it was down. */
  readonly sums: [up: number, down: number];
}

interface Seen {
  /** Value of the counter that the last event covers. */
  count: number;
  reportedAt: Millis;
}

export class DropEvents {
  readonly #reactor: Pick<Reactor, "clock" | "timer">;
  readonly #interfaces: () => readonly IpoibInterface[];
  readonly #timer: ReturnType<Reactor["timer"]>;
  readonly #seen = new WeakMap<IpoibInterface, Map<string, Seen>>();
  readonly #queues = new WeakMap<IpoibInterface, Queue>();
  #checks = 0;

  constructor(
    reactor: Pick<Reactor, "clock" | "timer">,
    interfaces: () => readonly IpoibInterface[],
  ) {
    this.#reactor = reactor;
    this.#interfaces = interfaces;
    this.#timer = reactor.timer((now) => this.#check(now));
    this.#timer.at(reactor.clock.now() + CHECK_MS);
  }

  close(): void {
    this.#timer.close();
  }

  #check(now: Millis): void {
    const interfaces = this.#interfaces();
    for (const iface of interfaces) {
      const { names, values } = iface.statistics.drops;
      for (let i = 0; i < names.length; i++) {
        if (values[i]! > 0) this.#compare(iface, names[i]!, values[i]!, now);
      }
    }
    const asked = interfaces[this.#checks++ % interfaces.length];
    for (const iface of interfaces) {
      if (!iface.carrier) this.#queueOf(iface).wasDown = true;
    }
    if (asked) this.#checkQueue(asked, now);
    this.#timer.at(this.#reactor.clock.now() + CHECK_MS);
  }

  #queueOf(iface: IpoibInterface): Queue {
    let queue = this.#queues.get(iface);
    if (!queue) {
      queue = { drops: 0, wasDown: false, sums: [0, 0] };
      this.#queues.set(iface, queue);
    }
    return queue;
  }

  #checkQueue(iface: IpoibInterface, now: Millis): void {
    const queue = this.#queueOf(iface);
    const drops = iface.netdev.status().queueDrops;
    queue.sums[queue.wasDown ? 1 : 0] += Math.max(0, drops - queue.drops);
    queue.drops = drops;
    queue.wasDown = !iface.carrier;
    const [up, down] = queue.sums;
    if (up > 0) this.#compare(iface, DEVICE_QUEUE, up, now);
    if (down > 0) this.#compare(iface, WHILE_DOWN, down, now);
  }

  #compare(
    iface: IpoibInterface,
    reason: keyof typeof CAUSES,
    count: number,
    now: Millis,
  ): void {
    let reasons = this.#seen.get(iface);
    if (!reasons) this.#seen.set(iface, reasons = new Map());
    const seen = reasons.get(reason) ?? { count: 0, reportedAt: -Infinity };
    if (count === seen.count || now - seen.reportedAt < REPORT_MS) return;
    reasons.set(reason, { count, reportedAt: now });
    iface.events.add("link", "drops", () => ({
      subject: reason === WHILE_DOWN ? DEVICE_QUEUE : reason,
      new: packets(count - seen.count),
      cause: CAUSES[reason],
    }));
  }
}

function packets(count: number): string {
  return count === 1 ? "1 packet" : `${count} packets`;
}
