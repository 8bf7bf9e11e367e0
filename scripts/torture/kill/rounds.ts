/** Rounds: a disturbance under load, after which all traffic must recover within five seconds without wrong data. */

import { patient } from "../../machine.ts";
import { type Host, Lab, socketsIn } from "../../../tests/e2e/harness/mod.ts";
import { processState } from "../process_state.ts";
import type { Disturbance, Scene } from "./disturbances.ts";
import { Flows } from "./flows.ts";
import type { Random } from "../../../tests/wire/support.ts";

/** Time limit for the recovery of traffic. */
const RECOVERY_MS = 5000;
const HOSTS = 3;
/** Allowed growth of the descriptors of a process: a link to each peer, and links that are about to close. */
const DESCRIPTOR_SLACK = 24;
const END_MS = 20_000;
/** One of this number of rounds flushes the neighbours after the disturbance. */
const FLUSH_IN = 3;
/** One of this number of rounds sends nothing during the disturbance. */
const SILENT_IN = 3;

/** Result of a round. */
export interface RoundResult {
  /** Recovery time in milliseconds; undefined if the round failed. */
  readonly ms?: number;
  readonly failures: readonly string[];
}

/** Hosts with traffic between them. */
export class Arena implements AsyncDisposable {
  readonly lab: Lab;
  readonly #hosts: readonly Host[];
  readonly #flows: Flows;
  readonly #next: Random;
  readonly #descriptors = new Map<number, number>();

  /** True if `--guid` sets the GUIDs of the ports, which otherwise derive from the names. */
  readonly #fixedGuids: boolean;

  private constructor(
    lab: Lab,
    hosts: readonly Host[],
    next: Random,
    fixedGuids: boolean,
  ) {
    this.lab = lab;
    this.#hosts = hosts;
    this.#flows = new Flows(hosts);
    this.#next = next;
    this.#fixedGuids = fixedGuids;
  }

  static async open(
    next: Random,
    fixedGuids: boolean,
  ): Promise<Arena> {
    const lab = await Lab.open();
    try {
      const hosts = await lab.hosts(HOSTS);
      const arena = new Arena(lab, hosts, next, fixedGuids);
      await Promise.all(hosts.map((host) => arena.#up(host)));
      return arena;
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Number of received datagrams. */
  get received(): number {
    return this.#flows.received;
  }

  /** Runs a round. The arena cannot be used after a failed round. */
  async round({ victims, act }: Disturbance): Promise<RoundResult> {
    const flows = this.#flows;
    const limit = patient(RECOVERY_MS);
    flows.choose(this.#next);
    const before = await flows.flow(limit);
    if (before.stuck.length > 0) {
      return {
        failures: [`no traffic before the disturbance: ${names(before.stuck)}`],
      };
    }
    const failures: string[] = [];
    try {
      await flows.connect();
      const scene = await this.#scene();
      const concerned = victims(scene);
      flows.silent = this.#next(SILENT_IN) === 0;
      const begin = flows.flow(
        limit,
        ({ from, to }) =>
          !flows.silent && !concerned.includes(from) &&
          !concerned.includes(to),
      );
      await act(concerned, scene);
      const meanwhile = await begin;
      flows.silent = false;
      if (meanwhile.stuck.length > 0) {
        failures.push(
          `flows of other hosts were interrupted: ${names(meanwhile.stuck)}`,
        );
      }
      if (this.#next(FLUSH_IN) === 0) await this.#flushNeighbours();
      const { ms, stuck } = await flows.flow(limit);
      if (stuck.length > 0) {
        failures.push(
          `no traffic within ${limit / 1000} s: ${names(stuck)}`,
        );
      }
      await flows.connect();
      if (flows.wrong > 0) failures.push(`${flows.wrong} wrong datagrams`);
      failures.push(...this.#grown());
      return failures.length > 0 ? { failures } : { ms, failures };
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
      return { failures };
    }
  }

  /** Stops all processes with SIGTERM. Returns the leftover devices and sockets. */
  async end(): Promise<string[]> {
    await this.#flows[Symbol.asyncDispose]();
    const left: string[] = [];
    for (const { daemon } of this.#hosts) daemon.kill("SIGTERM");
    for (const host of this.#hosts) {
      await host.daemon.exit(END_MS);
      if (await host.hasDevice("ib0")) left.push(`device in ${host.namespace}`);
      left.push(...socketsIn(host.sockets));
    }
    left.push(...socketsIn(`${this.lab.runtime}/subnet/default`));
    return left;
  }

  async #scene(): Promise<Scene> {
    const [any] = this.#hosts;
    const { manager } = await any!.call("subnet.show", {});
    const host = this.#hosts.find(({ daemon }) => daemon.pid === manager.pid);
    if (!host) {
      throw new Error(
        `The manager is process ${manager.pid}, which is not of a host`,
      );
    }
    return {
      manager: host,
      nodes: this.#hosts.filter((each) => each !== host),
      next: this.#next,
      up: (each, options) => this.#up(each, options),
    };
  }

  /** Flushes the neighbours of a random host, so that it must resolve them again. */
  async #flushNeighbours(): Promise<void> {
    const host = this.#hosts[this.#next(this.#hosts.length)]!;
    await host.ip("neigh", "flush", "dev", "ib0");
    await host.call("neigh.flush", { name: "ib0" });
  }

  #up(host: Host, options: { wait?: boolean } = {}): Promise<unknown> {
    const guid = `0x02000000000000${10 + this.#hosts.indexOf(host)}`;
    return host.up({
      ...options,
      args: this.#fixedGuids ? ["--guid", guid] : [],
    });
  }

  #grown(): string[] {
    const failures: string[] = [];
    for (const { daemon: { pid } } of this.#hosts) {
      const { descriptors } = processState(pid);
      const first = this.#descriptors.get(pid) ?? descriptors;
      this.#descriptors.set(pid, first);
      if (descriptors > first + DESCRIPTOR_SLACK) {
        failures.push(
          `descriptors of process ${pid} grew from ${first} to ${descriptors}`,
        );
      }
    }
    return failures;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#flows[Symbol.asyncDispose]();
    await this.lab[Symbol.asyncDispose]();
  }
}

function names(flows: readonly { from: Host; to: Host }[]): string {
  return flows.map(({ from, to }) => `${from.address} to ${to.address}`)
    .join(", ");
}
