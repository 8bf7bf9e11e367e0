/** A node: a process of ipoib on a guest, with interface `ib0` in the initial or another network namespace. */

import { allStatistics } from "../../src/cli/render/ethtool_text.ts";
import type { Method, Params, Result } from "../../src/ipc/methods.ts";
import { type Guest, quoted } from "./guest.ts";

/** Waits until the process $pid has ended. */
const UNTIL_ENDED = "while [ -d /proc/$pid ]; do sleep 0.1; done";
/** Sysfs directory of the first InfiniBand device of a guest. */
export const DEVICE = "/sys/class/infiniband/ibx0";

/** The record of an interface. */
export type Link = Result<"link.show">[number];

export class Node {
  readonly guest: Guest;
  readonly address: string;
  readonly #namespace: string | undefined;
  /** Path of the log. */
  readonly #log: string;
  #started = false;

  /**
   * @param address IPv4 address of `ib0`, without the prefix length, which is 24
   * @param namespace network namespace, created if it does not exist; absent: the initial one
   */
  constructor(guest: Guest, address: string, namespace?: string) {
    this.guest = guest;
    this.address = address;
    this.#namespace = namespace;
    this.#log = `/tmp/ipoib${
      namespace === undefined ? "" : `-${namespace}`
    }.log`;
  }

  /** Option of `ip` and `ipoib` that selects the namespace. */
  get #option(): string {
    return this.#namespace === undefined ? "" : `-n ${this.#namespace}`;
  }

  /** Starts the process. Returns when `ib0` carries traffic and has its address. */
  async up(options = ""): Promise<void> {
    await this.start(options);
    await this.waitForLog("ib0: running", 60);
    await this.addAddress();
  }

  async addAddress(): Promise<void> {
    await this.guest.must(
      `ip ${this.#option} addr add ${this.address}/24 dev ib0`,
    );
  }

  /** True if the process was started and not ended since. */
  get started(): boolean {
    return this.#started;
  }

  /**
   * Starts the process and returns at once.
   *
   * @param limits command that runs another one with lower limits or fewer capabilities
   */
  async start(options = "", limits = ""): Promise<void> {
    this.#started = true;
    const namespace = this.#namespace;
    const log = this.#log;
    const up = `ipoib up ${options}`;
    const run = limits === "" ? up : `${limits} bash -c ${quoted(up)}`;
    await this.guest.must(
      namespace === undefined
        ? `rm -f ${log}; ${run} >> ${log} 2>&1 &`
        : `rm -f ${log}; ip netns list | grep -qw ${namespace} || ip netns add ${namespace}
           ipoib up ib0 --netns ${namespace} ${options} >> ${log} 2>&1 &`,
    );
  }

  /**
   * Waits until the log contains `words`, for `seconds` at normal machine speed. Throws an error with the log
   * otherwise.
   */
  async waitForLog(words: string, seconds: number): Promise<void> {
    await this.guest.waitFor(
      `grep -qF ${quoted(words)} ${this.#log}`,
      seconds,
      `cat ${this.#log}`,
    );
  }

  /** Empties the log. */
  async clearLog(): Promise<void> {
    await this.guest.must(`: > ${this.#log}`);
  }

  /** Ends the process, and waits for its end. */
  async down(): Promise<void> {
    this.#started = false;
    if (this.#namespace === undefined) {
      const { pid } = await this.link();
      await this.guest.must(
        exchange("down", { name: "ib0" }, `pid=${pid}; ${UNTIL_ENDED}`),
      );
    } else await this.guest.must(`ipoib down ib0 ${this.#option}`);
  }

  /** Kills the process. Reads its PID from the log. */
  async kill(): Promise<void> {
    this.#started = false;
    await this.guest.must(
      `pid=$(grep -o 'pid [0-9]*' ${this.#log} | tail -1 | cut -d' ' -f2)
       kill -9 $pid; ${UNTIL_ENDED}`,
    );
  }

  /** Creates a child interface in a partition, and assigns an address. */
  async child(pkey: number, address: string): Promise<void> {
    const params = { parent: "ib0", pkey };
    const { ifname } = await this.#call("child.create", params);
    await this.guest.must(
      `ip link set ${ifname} up && ip addr add ${address}/24 dev ${ifname}`,
    );
  }

  /** Returns the record of an interface. */
  async link(name = "ib0"): Promise<Link> {
    const [link] = await this.#call("link.show", { name });
    return link!;
  }

  /** Deletes the neighbour entries of an interface. */
  async flushNeighbours(name = "ib0"): Promise<void> {
    await this.#call("neigh.flush", { name });
  }

  /** Sets the mode of `ib0`. */
  async setMode(mode: "datagram" | "connected"): Promise<void> {
    await this.#call("link.set", { name: "ib0", mode });
  }

  /** Returns what `ethtool -S` prints: statistics of the interface, drops by reason, counters of the port. */
  async statistics(): Promise<Record<string, number>> {
    const [record] = await this.#call("stats", { name: "ib0" });
    return allStatistics(record!);
  }

  async #call<M extends Method>(
    method: M,
    params: Params<M>,
  ): Promise<Result<M>> {
    const text = await this.guest.must(
      exchange(
        method,
        params,
        'read -r answer && echo "$answer" && kill "$DAEMON_PID"',
      ),
    );
    const { result, error } = JSON.parse(text);
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  }
}

/**
 * Returns a script that sends a request to the control socket of an interface, and then runs `after`, whose input is
 * what the process sends. The command line takes seconds to start in an emulated machine.
 */
function exchange<M extends Method>(
  method: M,
  params: Params<M>,
  after: string,
): string {
  const { name = "ib0" } = params as { name?: string };
  const request = JSON.stringify({ id: 1, method, params });
  return `coproc DAEMON { socat - UNIX-CONNECT:/run/ipoib/${name}.sock; }
    echo '${request}' >&"\${DAEMON[1]}"
    { ${after}; } <&"\${DAEMON[0]}"`;
}
