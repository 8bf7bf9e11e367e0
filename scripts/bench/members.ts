/** A multicast group: the first end sends, the other ends are members and count datagrams. */

import { pause } from "./inside.ts";
import type { Subject } from "./subject.ts";
import { blast, Counter } from "./udp.ts";

/** Number of members, without the sender. */
export const MEMBERS = 8;
/** Datagrams per second to the group. */
export const GROUP_RATE = 20_000;
const GROUP = "239.1.2.3";
const JOIN_LIMIT_MS = 15_000;
const WARM_UP_SECONDS = 0.5;

/** Result of a stream to the group. */
export interface GroupResult {
  readonly sent: number;
  /** Datagrams that arrived at each member. */
  readonly received: readonly number[];
}

/** Members that have joined and receive datagrams. */
export class Members {
  readonly #subject: Subject;
  readonly #pps: string;
  readonly #counters: readonly Counter[];

  private constructor(
    subject: Subject,
    pps: string,
    counters: readonly Counter[],
  ) {
    this.#subject = subject;
    this.#pps = pps;
    this.#counters = counters;
  }

  /** Joins every end but the first, and sends until a datagram has arrived at each. Throws an Error after 15 s. */
  static async join(subject: Subject, pps: string): Promise<Members> {
    const counters: Counter[] = [];
    const members = new Members(subject, pps, counters);
    try {
      for (let end = 1; end < subject.namespaces.length; end++) {
        counters.push(await Counter.start(subject, end, pps, GROUP));
      }
      await members.#untilReached();
    } catch (error) {
      await members.leave();
      throw error;
    }
    return members;
  }

  /** Sends `rate` datagrams per second to the group. */
  async send(seconds: number, rate = GROUP_RATE): Promise<GroupResult> {
    const before = await this.#counts();
    const sent = await blast(this.#subject, this.#pps, GROUP, rate, seconds);
    const after = await this.#counts();
    return { sent, received: after.map((count, i) => count - before[i]!) };
  }

  async leave(): Promise<void> {
    await Promise.all(this.#counters.map((counter) => counter.end()));
  }

  #counts(): Promise<number[]> {
    return Promise.all(this.#counters.map((counter) => counter.count()));
  }

  async #untilReached(): Promise<void> {
    const limit = performance.now() + JOIN_LIMIT_MS;
    for (;;) {
      const { received } = await this.send(WARM_UP_SECONDS);
      if (received.every((count) => count > 0)) return;
      if (performance.now() > limit) {
        throw new Error(
          `${this.#subject.name}: datagrams reach ${
            received.filter((count) => count > 0).length
          } of ${received.length} members of the group`,
        );
      }
      await pause(200);
    }
  }
}
