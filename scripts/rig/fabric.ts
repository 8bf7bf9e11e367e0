/**
 * The fabric of the tests: the subnet administrator and ib_ipoib on guest `a`, ib_ipoib on `b`, ipoib on `c`. Their
 * interfaces ib0 are in 10.44.0.0/24. Tests create child interfaces in partition 0x8001 with addresses in 10.45.0.0/24.
 */

import type { Guest } from "./guest.ts";
import { Node } from "./node.ts";
import { Rig, type RigOptions } from "./rig.ts";

/** Addresses of the interfaces of ib_ipoib, and that of ipoib. */
export const KERNELS = ["10.44.0.1", "10.44.0.2"] as const;
export const OURS = "10.44.0.3";

export class Fabric {
  readonly #options: RigOptions;
  #rig: Rig<"three"> | undefined;
  #node: Node | undefined;

  constructor(options: RigOptions = {}) {
    this.#options = options;
  }

  get a(): Guest {
    return this.#running.guests.a;
  }

  get b(): Guest {
    return this.#running.guests.b;
  }

  get c(): Guest {
    return this.#running.guests.c;
  }

  get node(): Node {
    return this.#node ??= new Node(this.c, OURS);
  }

  get #running(): Rig<"three"> {
    if (!this.#rig) throw new Error("The rig is not started");
    return this.#rig;
  }

  async start(): Promise<void> {
    this.#rig = await Rig.start("three", this.#options);
    await this.a.must("/rig/guest/sa");
    await Promise.all([this.kernels(), this.node.up()]);
  }

  async stop(): Promise<void> {
    await this.#rig?.stop();
  }

  /** Brings up the interfaces of ib_ipoib. */
  async kernels(): Promise<void> {
    await Promise.all(
      [this.a, this.b].map((guest, i) =>
        guest.must(`/rig/guest/kernel-ipoib ib0 ${KERNELS[i]}/24`)
      ),
    );
  }

  /** Deletes the neighbour entries of both address families on all guests. */
  async flushNeighbours(): Promise<void> {
    await Promise.all(
      [this.a, this.b, this.c].map((guest) =>
        guest.must("ip neigh flush dev ib0; ip -6 neigh flush dev ib0")
      ),
    );
    await this.node.flushNeighbours();
  }

  /** Restarts all ports with another InfiniBand MTU, the subnet administrator and all interfaces. */
  async restart(ibMtu: 2048 | 4096): Promise<void> {
    await this.node.down();
    await Promise.all(
      [this.a, this.b].map((guest) => guest.must("modprobe -r ib_ipoib")),
    );
    await Promise.all(
      [this.a, this.b, this.c].map((guest) =>
        guest.must(`/rig/guest/port-setup ${ibMtu}`)
      ),
    );
    await this.a.must("/rig/guest/sa");
    await Promise.all([this.kernels(), this.node.up()]);
  }
}
