/**
 * The way of MADs of a RoCE port, which leads to no fabric: see administrator.ts for the answers.
 *
 * Answers come from the reactor, as those of a fabric do. That to a path waits until the kernel knows the peer's Ethernet
 * address, so that the address handle that is made next never waits; a peer that is not there is never answered for, and the asker
 * has timers. Nobody else waits meanwhile.
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
  askedPath,
  type RocePortFacts,
} from "./administrator.ts";
import type { Neighbours } from "./neighbours.ts";

/** Between two looks at what the kernel found, in ms. */
const POLL_INTERVAL_MS = 5;
/** How long a path's answer waits, in ms: the asker has asked again by then. */
const ANSWER_TIMEOUT_MS = 1000;
/** Most requests that wait: each is a question to the kernel at every look. What goes beyond is lost and counted. */
const MAX_WAITING = 256;

interface Request {
  readonly mad: Uint8Array;
  readonly transaction: number;
  readonly to: MadAddress;
  /** Of a path: the peer. */
  readonly dgid: Uint8Array | undefined;
  readonly giveUpAt: Millis;
  sought: boolean;
}

/** The port, as it is now. */
export interface RocePort extends RocePortFacts {
  readonly ifindex: number;
}

export class RoceMadChannel {
  readonly #agents: MadAgents;
  readonly #reactor: Reactor;
  readonly #port: () => RocePort;
  readonly #neighbours: Neighbours;
  readonly #counted: VerbsCounters;
  readonly #timer: Timer;
  #waiting: Request[] = [];
  #due: Millis = Infinity;

  /** @param neighbours from now on this object's */
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
    this.#timer = reactor.timer((now) => this.#look(now));
  }

  /** Throws `E_MAD_CLASS`, see {@linkcode HcaPort.openMadAgent}: there is nobody but the administrator. */
  openAgent(mgmtClass: number): MadAgent {
    if (mgmtClass !== MgmtClass.SubnAdm) {
      throw new IpoibError(
        "E_MAD_CLASS",
        `Management class ${mgmtClass} has no use on Ethernet`,
        { errno: Errno.EOPNOTSUPP },
      );
    }
    return this.#agents.open(mgmtClass);
  }

  #send(mad: Uint8Array, to: MadAddress): void {
    const now = this.#reactor.clock.now();
    const transaction = MadView.of(mad).transactionIdLow;
    // What is asked again while its answer waits is answered once.
    if (this.#waiting.some((each) => each.transaction === transaction)) return;
    if (this.#waiting.length >= MAX_WAITING) {
      this.#counted.add("mads_lost");
      return;
    }
    this.#waiting.push({
      mad: mad.slice(),
      to,
      transaction,
      dgid: askedPath(mad),
      giveUpAt: now + ANSWER_TIMEOUT_MS,
      sought: false,
    });
    this.#at(now);
  }

  close(): void {
    this.#timer.close();
    this.#waiting = [];
    this.#neighbours.close();
  }

  /** Answers what can be answered now. */
  #look(now: Millis): void {
    const requests = this.#waiting;
    this.#due = Infinity;
    this.#waiting = [];
    const port = this.#port();
    for (const request of requests) {
      if (!this.#ready(request, port)) {
        if (now >= request.giveUpAt) continue;
        this.#waiting.push(request);
        this.#at(now + POLL_INTERVAL_MS);
        continue;
      }
      const answer = answerRequest(request.mad, port);
      if (answer) this.#agents.deliver(answer, request.to);
    }
  }

  #at(when: Millis): void {
    this.#due = Math.min(this.#due, when);
    this.#timer.at(this.#due);
  }

  #ready(request: Request, { gid, ifindex }: RocePort): boolean {
    const { dgid } = request;
    if (!dgid || gidEquals(dgid, gid)) return true;
    if (this.#neighbours.known(dgid, ifindex)) return true;
    request.sought ||= this.#neighbours.seek(dgid, ifindex);
    return false;
  }
}
