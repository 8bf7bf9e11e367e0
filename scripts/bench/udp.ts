/** Datagrams through an idle network, sent and counted by pps.c. */

import { Helper, pause, runFor } from "./inside.ts";
import { cpuBetween, type CpuSeconds, type Subject } from "./subject.ts";

/** Datagrams per second of the loss measurement. */
export const UDP_RATE = 150_000;
/** Datagrams per second of a flood, more than any machine sends. */
export const FLOOD_RATE = 1_000_000_000;
/** Bytes of a datagram's payload. */
export const UDP_SIZE = 64;
const UDP_PORT = 5300;
/** Time for the last packets of a stream to arrive. */
const SETTLE_MS = 300;

/** Counts the datagrams that arrive at one end, or those of a group that it joins. */
export class Counter {
  readonly #helper: Helper;

  private constructor(helper: Helper) {
    this.#helper = helper;
  }

  static async start(
    { namespaces, devices }: Subject,
    end: number,
    pps: string,
    group?: string,
  ): Promise<Counter> {
    const args = [`--net=${namespaces[end]!}`, pps, "count", String(UDP_PORT)];
    if (group) args.push(group, devices[end]!);
    return new Counter(await Helper.start("nsenter", args));
  }

  /** Returns the number of datagrams so far. */
  async count(): Promise<number> {
    return Number(await this.#helper.query());
  }

  async end(): Promise<void> {
    await this.#helper.end();
  }
}

/** Sends `rate` datagrams per second from the first end, waits for the last to arrive, and returns the number sent. */
export async function blast(
  { namespaces: [near] }: Subject,
  pps: string,
  to: string,
  rate: number,
  seconds: number,
  port = UDP_PORT,
): Promise<number> {
  const numbers = [port, UDP_SIZE, seconds, rate].map(String);
  const sent = await runFor(seconds, near, pps, "blast", to, ...numbers);
  await pause(SETTLE_MS);
  return Number(sent);
}

/** Sends `rate` datagrams per second from the first end to the second. Returns their numbers and the CPU time. */
export async function udp(
  subject: Subject,
  pps: string,
  rate: number,
  seconds: number,
): Promise<{ sent: number; received: number; cpu: CpuSeconds }> {
  const counter = await Counter.start(subject, 1, pps);
  try {
    const before = subject.cpu();
    const to = subject.addresses[1];
    const sent = await blast(subject, pps, to, rate, seconds);
    const cpu = cpuBetween(before, subject.cpu());
    return { sent, received: await counter.count(), cpu };
  } finally {
    await counter.end();
  }
}
