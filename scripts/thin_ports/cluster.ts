/** Processes with thin ports around one interface, and datagrams to all of them. */

import { libc } from "../../ffi/libc.ts";
import { IpcClient } from "../../src/ipc/client.ts";
import { type Fd, openSocket } from "../../src/system/fd.ts";
import { withNamespace } from "../../src/system/namespace.ts";
import {
  familyOf,
  SOCK_DGRAM_CLOEXEC,
  socketAddress,
} from "../../tests/system/socket_address.ts";
import { Helper, pause } from "../bench/inside.ts";
import type { ThinCounters } from "./main.ts";

const PROGRAM = new URL("main.ts", import.meta.url).pathname;
/** Ports of one process, each of which takes four descriptors. */
const PORTS_PER_PROCESS = 2000;
const FIRST_GUID = 0x0200_0000_00b0_0000n;
/** Addresses are from 10.SECOND.0.1 on. */
const FIRST_IN_PREFIX = 1;
/** Port without a listener; thin ports discard all datagrams. */
const UDP_PORT = 9;
const SIZE = 64;
/** Maximum number of neighbours without an answer in a sweep, so that the requests fit the credit of one link. */
const WINDOW = 100;
const POLL_MS = 2;
/** Time without progress after which a sweep starts from the beginning: that between two ARP requests of the kernel. */
const STUCK_MS = 1000;
const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
const SEND_BUFFER = 64 << 20;
const MSG_DONTWAIT = 0x40;

/** Where the thin ports are. */
export interface ClusterOptions {
  /** Directory of the embedded subnet. */
  readonly directory: string;
  /** GUID of the interface's port, as formatGuid() returns it. */
  readonly peer: string;
  /** Namespace of the interface, which has an address in 10.SECOND.0.0/16. */
  readonly namespace: Fd;
  readonly second: number;
  readonly count: number;
}

export class Cluster {
  readonly count: number;
  readonly #options: ClusterOptions;
  readonly #processes: Helper[];
  readonly #socket: Fd;
  readonly #payload = new Uint8Array(SIZE);
  readonly #address: Uint8Array<ArrayBuffer>;
  readonly #addressView: DataView;

  /** Starts the processes and waits until all ports are registered. */
  static async start(options: ClusterOptions): Promise<Cluster> {
    const processes: Helper[] = [];
    try {
      for (let at = 0; at < options.count; at += PORTS_PER_PROCESS) {
        const count = Math.min(PORTS_PER_PROCESS, options.count - at);
        const args = [
          ...["run", "--quiet", "--allow-all", "--no-check", PROGRAM],
          options.directory,
          options.peer,
          `0x${(FIRST_GUID + BigInt(at)).toString(16)}`,
          `${count}`,
          addressOf(options.second, at),
        ];
        processes.push(await Helper.start(Deno.execPath(), args));
      }
    } catch (error) {
      await Promise.all(processes.map((each) => each.end()));
      throw error;
    }
    return new Cluster(options, processes);
  }

  private constructor(options: ClusterOptions, processes: Helper[]) {
    this.count = options.count;
    this.#options = options;
    this.#processes = processes;
    this.#address = socketAddress(addressOf(options.second, 0), UDP_PORT);
    this.#addressView = new DataView(this.#address.buffer);
    this.#socket = withNamespace(
      options.namespace.number,
      () => openSocket(familyOf("0.0.0.0"), SOCK_DGRAM_CLOEXEC, 0),
    );
    // Packets to unresolved neighbours count towards the socket's buffer.
    const size = new Uint8Array(new Int32Array([SEND_BUFFER]).buffer);
    libc().setsockopt(
      ...[this.#socket.number, SOL_SOCKET, SO_SNDBUFFORCE] as const,
      ...[size, size.length] as const,
    );
  }

  /** Returns the sums of the counters of the processes. */
  async counters(request = ""): Promise<ThinCounters> {
    const all: ThinCounters[] = await Promise.all(
      this.#processes.map(async (each) =>
        JSON.parse(await each.query(request))
      ),
    );
    return all.reduce((sum, each) => ({
      reached: sum.reached + each.reached,
      packets: sum.packets + each.packets,
      replies: sum.replies + each.replies,
      busy: sum.busy + each.busy,
    }));
  }

  /** Sends a datagram to each of `count` ports from number `first` on, around the end. Returns the number sent. */
  send(first: number, count: number): number {
    const { second } = this.#options;
    let sent = 0;
    for (let i = 0; i < count; i++) {
      const number = (first + i) % this.count;
      this.#addressView.setUint32(4, wordOf(second, number));
      const length = libc().sendto(
        ...[this.#socket.number, this.#payload, SIZE, MSG_DONTWAIT] as const,
        ...[this.#address, this.#address.length] as const,
      );
      if (length === SIZE) sent++;
    }
    return sent;
  }

  /**
   * Sends datagrams until each port has received one, to a limited number of ports at a time. Throws an Error after
   * `limitMs`.
   */
  async reachAll(limitMs: number): Promise<void> {
    await this.counters("restart");
    const end = performance.now() + limitMs;
    let sent = 0;
    let reached = 0;
    let progressAt = performance.now();
    while (reached < this.count) {
      const now = performance.now();
      if (now > end) {
        throw new Error(
          `${this.count - reached} of ${this.count} neighbours not reached`,
        );
      }
      if (now - progressAt > STUCK_MS) {
        sent = 0;
        progressAt = now;
      }
      const more = Math.min(this.count, reached + WINDOW) - sent;
      if (more > 0) sent += this.send(sent, more);
      await pause(POLL_MS);
      const counters = await this.counters();
      if (counters.reached > reached) progressAt = now;
      reached = counters.reached;
    }
  }

  /** Sends a client reregister event to the interface's port. */
  async reregister(): Promise<void> {
    const { directory, peer } = this.#options;
    using client = await IpcClient.connect(
      `${directory}/control.sock`,
      "the subnet manager",
    );
    await client.call("subnet.port", { port: peer, action: "reregister" });
  }

  async end(): Promise<void> {
    this.#socket.close();
    await Promise.all(this.#processes.map((each) => each.end()));
  }
}

function wordOf(second: number, number: number): number {
  return (10 << 24 | second << 16) + FIRST_IN_PREFIX + number >>> 0;
}

/** Returns the address of the port with this number. */
function addressOf(second: number, number: number): string {
  const word = wordOf(second, number);
  return [24, 16, 8, 0].map((shift) => word >>> shift & 0xff).join(".");
}
