/** A node: a process of ipoib on a guest, with interface `ib0` in the initial or another network namespace. */

import { type Guest, quoted } from "./guest.ts";

/** Sysfs directory of the first InfiniBand device of a guest. */
export const DEVICE = "/sys/class/infiniband/ibx0";

/** The fields of an interface record that tests use. */
export interface Link {
  readonly ifname: string;
  readonly state: string;
  readonly "membership_in_doubt"?: string;
  readonly mtu: number;
  readonly qpn: number;
  readonly gid: string;
  readonly "pkey_index": number;
  readonly pkey: string;
  readonly hca: {
    readonly device: string;
    readonly port: number;
    readonly lid: number;
  };
  readonly drops: Record<string, number>;
  readonly pid: number;
}

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

  async down(): Promise<void> {
    this.#started = false;
    await this.guest.must(`ipoib down ib0 ${this.#option}`);
  }

  /** Kills the process. Reads its PID from the log. */
  async kill(): Promise<void> {
    this.#started = false;
    await this.guest.must(
      `pid=$(grep -o 'pid [0-9]*' ${this.#log} | tail -1 | cut -d' ' -f2)
       kill -9 $pid; while [ -d /proc/$pid ]; do sleep 0.1; done`,
    );
  }

  /** Creates a child interface in a partition, and assigns an address. */
  async child(pkey: number, address: string): Promise<void> {
    const name = `ib0.${pkey.toString(16).padStart(4, "0")}`;
    await this.guest.must(
      `ipoib child create 0x${pkey.toString(16)} && ip link set ${name} up &&
       ip addr add ${address}/24 dev ${name}`,
    );
  }

  /** Returns the record of an interface. */
  async link(name = "ib0"): Promise<Link> {
    const [link] = await this.#call<Link[]>("link.show", { name });
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

  /** Calls a method of the control socket: the command line takes seconds to start in an emulated machine. */
  async #call<Result>(
    method: string,
    params: { name: string; mode?: string },
  ): Promise<Result> {
    const request = JSON.stringify({ id: 1, method, params });
    const text = await this.guest.must(
      `coproc DAEMON { socat - UNIX-CONNECT:/run/ipoib/${params.name}.sock; }
       echo '${request}' >&"\${DAEMON[1]}"
       read -r answer <&"\${DAEMON[0]}" && echo "$answer"
       kill "$DAEMON_PID"`,
    );
    const { result, error } = JSON.parse(text);
    if (error) throw new Error(`${method} ${params.name}: ${error.message}`);
    return result;
  }

  /** Returns what `ethtool -S` prints: statistics of the interface, drops by reason, counters of the port. */
  async statistics(): Promise<Record<string, number>> {
    const [statistics] = JSON.parse(
      await this.guest.must("ipoib -j ethtool -S ib0"),
    );
    return statistics;
  }
}
