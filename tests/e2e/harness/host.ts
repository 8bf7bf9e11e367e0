/** A host: a named network namespace and the interface that the program carries there. */

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

/** Time for a process to start, find or found the subnet, and join, on a busy machine. */
const READY_LIMIT = 40_000;
/** A process whose socket is gone says why within so long. */
const LAST_WORDS_MS = 1500;

export interface UpOptions {
  /** More arguments of `ipoib up`. */
  readonly args?: readonly string[];
  /** Return as soon as the process exists. */
  readonly wait?: boolean;
  /** How the program is started, without arguments. */
  readonly command?: readonly string[];
}

export class Host {
  readonly lab: Lab;
  /** Name of the namespace, as `ip netns` knows it. */
  readonly namespace: string;
  /** The interface's IPv4 address, given to it whenever it comes up. */
  readonly address: string;
  /** Folder of its control sockets. */
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

  /** The process that is the interface. */
  get daemon(): Program {
    if (!this.#daemon) throw new Error(`${this.namespace} has no interface`);
    return this.#daemon;
  }

  /** Runs a command in the namespace. */
  run(words: readonly string[], options?: CommandOptions): Promise<Outcome> {
    return run(this.inside(words), options);
  }

  /** Runs a command in the namespace that must succeed; returns its standard output. */
  must(...words: string[]): Promise<string> {
    return must(this.inside(words));
  }

  /** `ip -n NAMESPACE ...`, which must succeed. */
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

  /** `ipoib WORDS... -j -n NAMESPACE`, which must succeed. */
  async show<T>(...words: string[]): Promise<T> {
    const { code, stdout, stderr } = await this.ipoib(...words, "-j");
    if (code !== 0) throw new Error(`ipoib ${words.join(" ")}: ${stderr}`);
    return JSON.parse(stdout);
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

  /** The counters of the interface and of its port. */
  async counters(): Promise<Record<string, number>> {
    const [stats] = await this.call("stats", { name: "ib0" });
    return stats!.counters;
  }

  /** What `link show` says of the interface. */
  async link(): Promise<LinkRecord> {
    const [link] = await this.call("link.show", { name: "ib0" });
    return link!;
  }

  /** Everything that a failed test may want to know: state, drops, counters that are not 0, neighbours, the log. */
  async inspect(): Promise<string> {
    const log = await Deno.readTextFile(`${this.sockets}/ib0.log`).catch(() =>
      ""
    );
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

  /** Starts `ipoib up ib0`, waits until it carries traffic, and gives it its address. */
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

  /** Waits until the interface carries traffic, and gives it its address. */
  async ready(): Promise<void> {
    using client = await until(
      `${this.namespace} listens`,
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
    await this.ip("addr", "replace", `${this.address}/24`, "dev", "ib0");
  }

  /**
   * Pings; returns how many were sent and answered. One ping before them finds the neighbour: only three packets wait for
   * that, and a busy machine may take longer than three intervals.
   */
  async ping(
    to: Host | string,
    options: PingOptions = {},
  ): Promise<{ sent: number; received: number }> {
    await this.reaches(to);
    return await ping(this, typeof to === "string" ? to : to.address, options);
  }

  /** True if the kernel has a device of that name there. */
  async hasDevice(name: string): Promise<boolean> {
    return (await this.run(["ip", "link", "show", name])).code === 0;
  }

  /** True if a single ping is answered, within a second on a usual machine. */
  async reaches(to: Host | string): Promise<boolean> {
    const address = typeof to === "string" ? to : to.address;
    const words = [
      ...["ping", "-n", "-q", "-c", "1", "-W", `${patient(1)}`],
      address,
    ];
    return (await this.run(words)).code === 0;
  }
}
