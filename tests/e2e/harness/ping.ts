/**
 * Pings that tell a lost packet from a late one: ping itself gives up on its last packets after two round trips, which on
 * a busy machine says nothing.
 */

import type { Host } from "./host.ts";
import type { Program } from "./program.ts";
import { until } from "./until.ts";

/** How long the answers may take, all together and beyond the pauses. */
const REPLIES_TIMEOUT_MS = 10_000;

export interface PingOptions {
  readonly count?: number;
  /** Seconds. */
  readonly interval?: number;
  /** Bytes of payload. */
  readonly size?: number;
}

/** A ping that goes on until it is ended. */
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
    await program.says(/bytes of data/);
    return new Pings(program);
  }

  /** Sequence numbers that were answered, from 1 on. */
  get answered(): Set<number> {
    const matches = this.#program.output.matchAll(/icmp_seq=(\d+) ttl/g);
    return new Set([...matches].map((match) => Number(match[1])));
  }

  /** Waits for the answer to packet `count` or a later one; returns how many of the first `count` were answered. */
  async first(count: number, limit = REPLIES_TIMEOUT_MS): Promise<number> {
    const answered = () =>
      [...this.answered].filter((each) => each <= count).length;
    await until(
      "an answer",
      () => Math.max(0, ...this.answered) >= count,
      limit,
    ).catch(() => {});
    // An answer may be overtaken.
    await until("all answers", () => answered() === count, 500).catch(() => {});
    return answered();
  }

  /** Waits for an answer to a packet that has had none by now. */
  async next(limit = REPLIES_TIMEOUT_MS): Promise<void> {
    const before = this.answered.size;
    await until("a new answer", () => this.answered.size > before, limit);
  }

  /** Ends it; returns how many answers are missing before the last one that came. */
  async lost(): Promise<number> {
    const last = Math.max(0, ...this.answered);
    const lost = last - await this.first(last);
    await this[Symbol.asyncDispose]();
    if (last === 0) {
      throw new Error(`No answer at all:\n${this.#program.output}`);
    }
    return lost;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]();
  }
}

/** Sends `count` pings; returns how many were answered. */
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

/** The line `N packets transmitted, N received` of a ping that has ended. */
export function pingResult(text: string): { sent: number; received: number } {
  const match = /(\d+) packets transmitted, (\d+) received/.exec(text);
  if (!match) throw new Error(`ping says: ${text}`);
  return { sent: Number(match[1]), received: Number(match[2]) };
}
