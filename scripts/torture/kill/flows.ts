/** Checked datagrams between all pairs of hosts, and a bidirectional TCP connection between the first two. */

import {
  type Host,
  pause,
  TcpFlow,
  UdpSocket,
} from "../../../tests/e2e/harness/mod.ts";
import { CheckedFlow } from "../checked_flow.ts";
import type { Random } from "../../../tests/wire/support.ts";

const FIRST_PORT = 20_000;
const STEP_MS = 5;
const TCP_PORT = 21_000;

export class Flows implements AsyncDisposable {
  readonly all: CheckedFlow[] = [];
  readonly #sockets: UdpSocket[] = [];
  readonly #hosts: readonly Host[];
  readonly #timer: ReturnType<typeof setInterval>;
  /** True while no flow sends, so that the cached state of the hosts becomes stale. */
  silent = false;
  #tcp: TcpFlow | undefined;
  #connections = 0;

  constructor(hosts: readonly Host[]) {
    this.#hosts = hosts;
    let port = FIRST_PORT;
    for (const from of hosts) {
      for (const to of hosts) {
        if (to === from) continue;
        const [sender, receiver] = [
          UdpSocket.open(from, port),
          UdpSocket.open(to, port),
        ];
        this.#sockets.push(sender, receiver);
        this.all.push(
          new CheckedFlow(port, [from, sender], [to, receiver], port),
        );
        port++;
      }
    }
    this.#timer = setInterval(() => this.#step(), STEP_MS);
  }

  get received(): number {
    return this.all.reduce((sum, { received }) => sum + received, 0);
  }

  get wrong(): number {
    return this.all.reduce((sum, { wrong }) => sum + wrong, 0);
  }

  /**
   * Activates both directions of each pair, or only one, so that the reverse traffic cannot repair the forward path.
   */
  choose(next: Random): void {
    for (const flow of this.all) flow.active = true;
    for (const { from, to } of this.all) {
      const [there, back] = [
        this.all.find((each) => each.from === from && each.to === to)!,
        this.all.find((each) => each.from === to && each.to === from)!,
      ];
      if (there.active && back.active && next(4) === 0) there.active = false;
    }
  }

  /** Opens the TCP connection, again if it broke. Throws a RangeError if a received byte was wrong. */
  async connect(): Promise<void> {
    try {
      if (this.#tcp) return void this.#tcp.received;
    } catch (error) {
      if (error instanceof RangeError) throw error;
      this.#tcp![Symbol.dispose]();
      this.#tcp = undefined;
    }
    await pause(0);
    const [a, b] = this.#hosts;
    this.#tcp = TcpFlow.open(a!, b!, TCP_PORT + this.#connections++ % 1000);
  }

  /**
   * Waits until each active flow that `counts` accepts has delivered a datagram sent after the call. Returns the time
   * of the slowest flow in milliseconds, and the flows that delivered none within the limit.
   */
  async flow(
    limitMs: number,
    counts: (flow: CheckedFlow) => boolean = () => true,
  ): Promise<{ ms: number; stuck: CheckedFlow[] }> {
    const start = performance.now();
    const waiting = new Map(
      this.all.filter((flow) => flow.active && counts(flow)).map((
        flow,
      ) => [flow, flow.next]),
    );
    for (;;) {
      for (const [flow, number] of waiting) {
        if (flow.hasArrived(number)) waiting.delete(flow);
      }
      const ms = performance.now() - start;
      if (waiting.size === 0 || ms > limitMs) {
        return { ms, stuck: [...waiting.keys()] };
      }
      await pause(STEP_MS);
    }
  }

  #step(): void {
    for (const flow of this.all) {
      if (flow.active && !this.silent) flow.send();
      flow.receive();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#tcp?.[Symbol.dispose]();
    for (const socket of this.#sockets) socket[Symbol.dispose]();
    return Promise.resolve();
  }
}
