/**
 * Runs ping(8) such that late replies are not counted as lost. After its last request, ping waits for only two round
 * trips, which is too short on a busy machine.
 */

import type { Host } from "./host.ts";
import type { Program } from "./program.ts";
import { until } from "./until.ts";

/** Time limit for all replies, in addition to the intervals between requests. */
const REPLIES_TIMEOUT_MS = 10_000;

export interface PingOptions {
  readonly count?: number;
  /** Seconds. */
  readonly interval?: number;
  /** Bytes of payload. */
  readonly size?: number;
}

/** A ping that runs until it is disposed of. */
export class Pings implements AsyncDisposable {
  readonly #program: Program;

  private constructor(program: Program) {
    this.#program = program;
  }

  static async start(
    from: Host,
    to: string,
    { interval = 0.02, size = 56 }: PingOptions = {},
  ): Promise<Pings> {
    const program = from.start(
      ...["ping", "-n", "-i", String(interval), "-s", String(size), to],
    );
    await program.prints(/bytes of data|data bytes/);
    return new Pings(program);
  }

  /** Sequence numbers of the replies, starting at 1. */
  get answered(): Set<number> {
    const matches = this.#program.output.matchAll(/icmp_seq=(\d+) ttl/g);
    return new Set([...matches].map((match) => Number(match[1])));
  }

  /**
   * Waits for a reply to request `count` or a later one. Returns how many of the first `count` requests were answered.
   */
  async first(count: number, limit = REPLIES_TIMEOUT_MS): Promise<number> {
    const answered = () =>
      [...this.answered].filter((each) => each <= count).length;
    await until(
      "a reply",
      () => Math.max(0, ...this.answered) >= count,
      limit,
    ).catch(() => {});
    // Replies may arrive out of order.
    await until("all replies", () => answered() === count, 500).catch(() => {});
    return answered();
  }

  /** Waits for a reply to a request that has not been answered yet. */
  async next(limit = REPLIES_TIMEOUT_MS): Promise<void> {
    const before = this.answered.size;
    await until("a new reply", () => this.answered.size > before, limit);
  }

  /** Returns the length of the longest run of unanswered requests before the last reply. */
  get longestLoss(): number {
    const answered = [...this.answered].sort((a, b) => a - b);
    return answered.reduce(
      (longest, each, i) =>
        Math.max(longest, each - (answered[i - 1] ?? 0) - 1),
      0,
    );
  }

  /** Stops ping. Returns the number of unanswered requests before the last reply. Throws if there was no reply. */
  async lost(): Promise<number> {
    const last = Math.max(0, ...this.answered);
    const lost = last - await this.first(last);
    await this[Symbol.asyncDispose]();
    if (last === 0) {
      throw new Error(`No reply:\n${this.#program.output}`);
    }
    return lost;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]();
  }
}

/** Sends `count` requests. Returns the numbers of requests sent and answered. */
export async function ping(
  from: Host,
  to: string,
  options: PingOptions = {},
): Promise<{ sent: number; received: number }> {
  const { count = 5, interval = 0.02 } = options;
  await using pings = await Pings.start(from, to, options);
  const limit = REPLIES_TIMEOUT_MS + count * interval * 1000;
  return { sent: count, received: await pings.first(count, limit) };
}
