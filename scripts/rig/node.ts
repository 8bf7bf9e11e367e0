/** Our node: the program on a guest, with an interface `ib0` in the initial network namespace or in one of its own. */

import { type Guest, quoted } from "./guest.ts";

/** The device of every guest. */
export const DEVICE = "/sys/class/infiniband/ibx0";

/** The record of an interface, as far as tests look at it. */
export interface Link {
  readonly ifname: string;
  readonly state: string;
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
  /** Where it logs to. */
  readonly #log: string;

  /**
   * @param address of `ib0`, without the prefix's length of 24
   * @param namespace made if missing; absent: the initial one
   */
  constructor(guest: Guest, address: string, namespace?: string) {
    this.guest = guest;
    this.address = address;
    this.#namespace = namespace;
    this.#log = `/tmp/ipoib${
      namespace === undefined ? "" : `-${namespace}`
    }.log`;
  }

  /** What `ip` and `ipoib` take for the namespace. */
  get #option(): string {
    return this.#namespace === undefined ? "" : `-n ${this.#namespace}`;
  }

  /** Begins; returns once `ib0` carries traffic and has its address. */
  async up(options = ""): Promise<void> {
    await this.begin(options);
    await this.waitForLog("ib0: running", 60);
    await this.addAddress();
  }

  async addAddress(): Promise<void> {
    await this.guest.must(
      `ip ${this.#option} addr add ${this.address}/24 dev ib0`,
    );
  }

  /** Begins. */
  async begin(options = ""): Promise<void> {
    const namespace = this.#namespace;
    const log = this.#log;
    await this.guest.must(
      namespace === undefined
        ? `rm -f ${log}; ipoib up ${options} >> ${log} 2>&1 &`
        : `rm -f ${log}; ip netns list | grep -qw ${namespace} || ip netns add ${namespace}
           ipoib up ib0 --netns ${namespace} ${options} >> ${log} 2>&1 &`,
    );
  }

  /**
   * Waits until the log contains `words`, for `seconds` at normal machine speed. Throws an error with the log
   * otherwise.
   */
  async waitForLog(words: string, seconds: number): Promise<void> {
    await this.guest.must(
      `for i in $(seq ${this.guest.patient(seconds) * 10}); do
         grep -qF ${quoted(words)} ${this.#log} && exit 0; sleep 0.1
       done
       cat ${this.#log}; exit 1`,
      seconds + 60,
    );
  }

  /** Empties the log. */
  async clearLog(): Promise<void> {
    await this.guest.must(`: > ${this.#log}`);
  }

  async down(): Promise<void> {
    await this.guest.must(`ipoib down ib0 ${this.#option}`);
  }

  /** Kills the process, whose PID the log has. */
  async kill(): Promise<void> {
    await this.guest.must(
      `pid=$(grep -o 'pid [0-9]*' ${this.#log} | tail -1 | cut -d' ' -f2)
       kill -9 $pid; while [ -d /proc/$pid ]; do sleep 0.1; done`,
    );
  }

  /** Makes a child on a partition, with an address. */
  async child(pkey: number, address: string): Promise<void> {
    const name = `ib0.${pkey.toString(16).padStart(4, "0")}`;
    await this.guest.must(
      `ipoib child create 0x${pkey.toString(16)} && ip link set ${name} up &&
       ip addr add ${address}/24 dev ${name}`,
    );
  }

  /** Asks the control socket: the command line takes seconds to start in an emulated machine. */
  async link(name = "ib0"): Promise<Link> {
    const request = JSON.stringify({
      ...{ id: 1, method: "link.show", params: { name } },
    });
    const text = await this.guest.must(
      `coproc DAEMON { socat - UNIX-CONNECT:/run/ipoib/${name}.sock; }
       echo '${request}' >&"\${DAEMON[1]}"
       read -r answer <&"\${DAEMON[0]}" && echo "$answer"
       kill "$DAEMON_PID"`,
    );
    const { result, error } = JSON.parse(text);
    if (error) throw new Error(`link ${name}: ${error.message}`);
    return result[0];
  }

  /** Of `ethtool -S`: the driver's statistics, drops by reason, the port's counters. */
  async statistics(): Promise<Record<string, number>> {
    const [statistics] = JSON.parse(
      await this.guest.must("ipoib -j ethtool -S ib0"),
    );
    return statistics;
  }
}
