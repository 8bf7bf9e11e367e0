/**
 * The MAD agents of an Ethernet port (RoCE). Requests are not sent anywhere: the port answers them itself
 * (administrator.ts).
 *
 * Responses are delivered from the reactor's loop, like those of a fabric. The response to a path request is delayed
 * until the kernel has resolved the Ethernet address of the peer, so that creating the address handle does not block.
 * There is no response for a peer that cannot be resolved, and the client's request times out. Other requests are not
 * delayed.
 */

import { IpoibError } from "../../../base/errors.ts";
import type { Millis } from "../../../base/units.ts";
import { Errno } from "../../../base/errno.ts";
import type { Reactor, Timer } from "../../../system/reactor.ts";
import { gidEquals } from "../../../wire/gid.ts";
import { type MadAddress, MadView, MgmtClass } from "../../../wire/mad.ts";
import type { MadAgent } from "../../hca.ts";
import { MadAgents } from "../../mad_agents.ts";
import type { VerbsCounters } from "../counters.ts";
import {
  answerRequest,
  requestedPathDgid,
  type RocePortValues,
} from "./administrator.ts";
import type { Neighbours } from "./neighbours.ts";

/** Interval of checking for resolved peers. */
const POLL_INTERVAL_MS = 5;
/** Time after which a request whose peer is not resolved is dropped; the client retransmits sooner. */
const RESOLUTION_TIMEOUT_MS = 1000;
/** Maximum number of pending requests, as each costs a query per check. Further requests are dropped and counted. */
const MAX_PENDING = 256;

/** A request without a response yet. */
interface Request {
  readonly mad: Uint8Array;
  readonly transaction: number;
  readonly to: MadAddress;
  /** GID of the peer, if a path is requested. */
  readonly dgid: Uint8Array | undefined;
  /** Time at which the request is dropped. */
  readonly deadline: Millis;
  /** True after neighbour discovery for the peer was started. */
  resolving: boolean;
}

/** The current state of the port. */
export interface RocePort extends RocePortValues {
  /** Interface index of the network device. */
  readonly ifindex: number;
}

/** The MAD agents of an Ethernet port. */
export class RoceMadChannel {
  readonly #agents: MadAgents;
  readonly #reactor: Reactor;
  readonly #port: () => RocePort;
  readonly #neighbours: Neighbours;
  readonly #counted: VerbsCounters;
  readonly #timer: Timer;
  #pending: Request[] = [];
  #due: Millis = Infinity;

  /**
   * @param port returns the current state of the port
   * @param neighbours resolves peers; the channel owns it from now on
   */
  constructor(
    reactor: Reactor,
    port: () => RocePort,
    neighbours: Neighbours,
    counted: VerbsCounters,
  ) {
    this.#agents = new MadAgents(
      (mad, to) => this.#send(mad, to),
      () => counted.add("mads_no_agent"),
    );
    this.#counted = counted;
    this.#reactor = reactor;
    this.#port = port;
    this.#neighbours = neighbours;
    this.#timer = reactor.timer((now) => this.#respond(now));
  }

  /**
   * Opens an agent (`HcaPort.openMadAgent`). Throws `E_MAD_CLASS`: with EOPNOTSUPP for any class other than SubnAdm.
   */
  openAgent(mgmtClass: number): MadAgent {
    if (mgmtClass !== MgmtClass.SubnAdm) {
      throw new IpoibError(
        "E_MAD_CLASS",
        `Management class ${mgmtClass} is not supported on Ethernet (RoCE)`,
        { errno: Errno.EOPNOTSUPP },
      );
    }
    return this.#agents.open(mgmtClass);
  }

  #send(mad: Uint8Array, to: MadAddress): void {
    const now = this.#reactor.clock.now();
    const transaction = MadView.of(mad).transactionIdLow;
    // A retransmission of a pending request.
    if (this.#pending.some((each) => each.transaction === transaction)) return;
    if (this.#pending.length >= MAX_PENDING) {
      this.#counted.add("mads_lost");
      return;
    }
    this.#pending.push({
      mad: mad.slice(),
      to,
      transaction,
      dgid: requestedPathDgid(mad),
      deadline: now + RESOLUTION_TIMEOUT_MS,
      resolving: false,
    });
    this.#schedule(now);
  }

  close(): void {
    this.#timer.close();
    this.#pending = [];
    this.#neighbours.close();
  }

  /** Delivers the responses that need not wait, and drops the requests whose deadline has passed. */
  #respond(now: Millis): void {
    const requests = this.#pending;
    this.#due = Infinity;
    this.#pending = [];
    const port = this.#port();
    for (const request of requests) {
      if (!this.#isReady(request, port)) {
        if (now >= request.deadline) continue;
        this.#pending.push(request);
        this.#schedule(now + POLL_INTERVAL_MS);
        continue;
      }
      const response = answerRequest(request.mad, port);
      if (response) this.#agents.deliver(response, request.to);
    }
  }

  /** Schedules {@linkcode #respond} at `when`, or earlier if it is due earlier. */
  #schedule(when: Millis): void {
    this.#due = Math.min(this.#due, when);
    this.#timer.at(this.#due);
  }

  /** True if the response need not wait. Otherwise starts the resolution of the peer. */
  #isReady(request: Request, { gid, ifindex }: RocePort): boolean {
    const { dgid } = request;
    if (!dgid || gidEquals(dgid, gid)) return true;
    if (this.#neighbours.isResolved(dgid, ifindex)) return true;
    request.resolving ||= this.#neighbours.startResolution(dgid, ifindex);
    return false;
  }
}
