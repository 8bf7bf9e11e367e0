/** A host: a named network namespace with an IPoIB interface `ib0`. */

import { patient } from "../../../scripts/machine.ts";
import { programCommand } from "../../../scripts/program.ts";
import { IpcClient } from "../../../src/ipc/client.ts";
import { socketDirectory, socketPath } from "../../../src/ipc/locate.ts";
import type {
  LinkRecord,
  Method,
  Params,
  Result,
} from "../../../src/ipc/schema.ts";
import { type CommandOptions, must, type Outcome, run } from "./command.ts";
import type { Lab } from "./lab.ts";
import { ping, type PingOptions } from "./ping.ts";
import type { Program } from "./program.ts";
import { pause, until } from "./until.ts";

/** Time limit for a process to start, connect to the subnet or create it, and join the broadcast group. */
const READY_LIMIT = 40_000;
/** A process that has closed its control socket prints the reason within this time. */
const LAST_WORDS_MS = 1500;

export interface UpOptions {
  /** Additional arguments of `ipoib up`. */
  readonly args?: readonly string[];
  /** If false, `up` returns as soon as the process has started. Default: true. */
  readonly wait?: boolean;
  /** Command that starts the program, without its arguments. */
  readonly command?: readonly string[];
}

export class Host {
  readonly lab: Lab;
  /** Name of the namespace for `ip netns`. */
  readonly namespace: string;
  /** IPv4 address that {@linkcode ready} assigns to the interface. */
  readonly address: string;
  /** Directory of the control sockets. */
  readonly sockets: string;
  #daemon: Program | undefined;

  constructor(lab: Lab, namespace: string, address: string) {
    this.lab = lab;
    this.namespace = namespace;
    this.address = address;
    const { ino } = Deno.statSync(`/run/netns/${namespace}`);
    this.sockets = socketDirectory(lab.runtime, {
      inode: BigInt(ino!),
      initial: false,
    });
  }

  /** The process of the interface. Throws if `up` was not called. */
  get daemon(): Program {
    if (!this.#daemon) throw new Error(`${this.namespace} has no interface`);
    return this.#daemon;
  }

  /** Sets a process that the test has started. */
  set daemon(program: Program) {
    this.#daemon = program;
  }

  /** The PID of the process of the interface; undefined if `up` was not called. */
  get pid(): number | undefined {
    return this.#daemon?.pid;
  }

  /** Runs a command in the namespace. */
  run(words: readonly string[], options?: CommandOptions): Promise<Outcome> {
    return run(this.inside(words), options);
  }

  /** Runs a command in the namespace and returns its standard output. Throws if the exit code is not 0. */
  must(...words: string[]): Promise<string> {
    return must(this.inside(words));
  }

  /** Runs `ip -n NAMESPACE ...` and returns its standard output. Throws if the exit code is not 0. */
  ip(...words: string[]): Promise<string> {
    return must(["ip", "-n", this.namespace, ...words]);
  }

  /** Starts a program in the namespace. */
  start(...words: string[]): Program {
    return this.lab.start(this.inside(words));
  }

  inside(words: readonly string[]): string[] {
    return ["ip", "netns", "exec", this.namespace, ...words];
  }

  /** Runs `ipoib WORDS... -n NAMESPACE`. */
  ipoib(...words: string[]): Promise<Outcome> {
    return this.lab.ipoib(...words, "-n", this.namespace);
  }

  /** Runs `ipoib WORDS... -j -d -s -n NAMESPACE` and returns the parsed JSON. Throws if the exit code is not 0. */
  async show<T>(...words: string[]): Promise<T> {
    const { code, stdout, stderr } = await this.ipoib(
      ...words,
      "-j",
      "-d",
      "-s",
    );
    if (code !== 0) throw new Error(`ipoib ${words.join(" ")}: ${stderr}`);
    return JSON.parse(stdout);
  }

  /** Path of the log of a process in the background. */
  get logFile(): string {
    return `${this.lab.runtime}/log/netns/${this.namespace}/ib0.log`;
  }

  /** Calls a method of the control socket. */
  async call<M extends Method>(
    method: M,
    params: Params<M>,
    timeout = patient(READY_LIMIT),
  ): Promise<Result<M>> {
    using client = await this.connect();
    return await client.call(method, params, { timeout });
  }

  async connect(): Promise<IpcClient> {
    return await IpcClient.connect(socketPath(this.sockets, "ib0"), "ib0");
  }

  /** Returns the index of the interface. */
  async ifindex(): Promise<number> {
    const [{ ifindex }] = JSON.parse(
      await this.ip("-j", "link", "show", "ib0"),
    );
    return ifindex;
  }

  /** Returns the counters of the interface and of its port. */
  async counters(): Promise<Record<string, number>> {
    const [stats] = await this.call("stats", { name: "ib0" });
    return stats!.counters;
  }

  /** Returns the record of an interface, as `link show` does. */
  async link(name = "ib0"): Promise<LinkRecord> {
    const [link] = await this.call("link.show", { name });
    return link!;
  }

  /** Returns diagnostics for a failed test: state, drops, nonzero counters, neighbours and the log. */
  async inspect(): Promise<string> {
    const log = await Deno.readTextFile(this.logFile).catch(() => "");
    try {
      using client = await this.connect();
      const options = { timeout: patient(2000) };
      const [link] = await client.call("link.show", { name: "ib0" }, options);
      const [stats] = await client.call("stats", { name: "ib0" }, options);
      const neighbours = await client.call("neigh.show", {}, options);
      const counters = Object.entries(stats!.counters).filter(([, n]) => n > 0);
      return JSON.stringify({
        state: link!.state,
        drops: link!.drops,
        counters: Object.fromEntries(counters),
        neighbours,
        log,
      });
    } catch (error) {
      return `${error instanceof Error ? error.message : error}\n${log}`;
    }
  }

  /** Starts `ipoib up ib0`, waits until it carries traffic, and assigns its address. */
  async up(options: UpOptions = {}): Promise<Program> {
    const daemon = this.lab.start([
      ...options.command ?? programCommand(),
      ...["up", "ib0", "--netns", this.namespace, "--hca", "soft"],
      ...options.args ?? [],
    ]);
    this.#daemon = daemon;
    if (options.wait !== false) await this.ready();
    return daemon;
  }

  /** Waits until the interface carries traffic, and assigns its address. */
  async ready(): Promise<void> {
    await this.untilRunning();
    await this.ip("addr", "replace", `${this.address}/24`, "dev", "ib0");
  }

  /** Waits until the interface and its configuration are ready. */
  async untilRunning(): Promise<void> {
    using client = await until(
      `the control socket in ${this.namespace}`,
      async () => {
        if (this.daemon.ended) {
          throw new Error(`ipoib up ended: ${this.daemon.output}`);
        }
        return await this.connect().catch(() => undefined);
      },
      READY_LIMIT,
    );
    await client.call("wait", {}, { timeout: patient(READY_LIMIT) })
      .catch(async (error) => {
        await pause(LAST_WORDS_MS);
        throw new Error(
          `ipoib up: ${error.message}: ${this.daemon.output}`,
        );
      });
  }

  /**
   * Pings `to` and returns the numbers of requests sent and answered. A single ping before them resolves the neighbour:
   * the queue for an unresolved neighbour holds three packets, and resolution on a busy machine may take longer than
   * three intervals.
   */
  async ping(
    to: Host | string,
    options: PingOptions = {},
  ): Promise<{ sent: number; received: number }> {
    await this.reaches(to);
    return await ping(this, typeof to === "string" ? to : to.address, options);
  }

  /** True if the namespace has a network device of this name. */
  async hasDevice(name: string): Promise<boolean> {
    return (await this.run(["ip", "link", "show", name])).code === 0;
  }

  /** Sends one ping. True if it is answered within a second at normal machine speed. */
  async reaches(to: Host | string): Promise<boolean> {
    const address = typeof to === "string" ? to : to.address;
    const words = [
      ...["ping", "-n", "-q", "-c", "1", "-W", `${patient(1)}`],
      address,
    ];
    return (await this.run(words)).code === 0;
  }
}
