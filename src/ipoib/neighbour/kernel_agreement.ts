/**
 * What our neighbour table has the kernel's table do, and hears of it.
 *
 * Peers can cause changes at any rate, so what is asked of the kernel is limited: each neighbour once a second, and all
 * of them together. What goes beyond is left out; the next packet tries again.
 */

import type { Clock } from "../../base/clock.ts";
import type { Millis } from "../../base/units.ts";
import type { KernelNeighbour, KernelNeighbours } from "../../netdev/netdev.ts";
import { IpAddress } from "../../wire/ip_address.ts";
import { AddressTable } from "../address_table.ts";
import { ASK_INTERVAL_MS, MAX_KERNEL_CHANGES } from "../constants.ts";
import type { Neighbour } from "./neighbour.ts";

export class KernelAgreement {
  /** Called when the kernel's entry of an address failed or was deleted. */
  onForgotten: (address: IpAddress) => void = () => {};
  /** Called when changes went unheard, with what tells whether the kernel has an address. */
  onUncertain: (has: (address: IpAddress) => boolean) => void = () => {};
  /** Called for a neighbour that the kernel never asks for, because its entry is PERMANENT. */
  onRequest: (address: IpAddress) => void = () => {};
  readonly #clock: Clock;
  readonly #kernel: KernelNeighbours;
  /** Addresses whose entries the administrator made PERMANENT. */
  readonly #permanent = new AddressTable<true>();
  #changes = 0;
  #periodEnd: Millis = 0;

  constructor(clock: Clock, kernel: KernelNeighbours) {
    this.#clock = clock;
    this.#kernel = kernel;
    kernel.onNeighbour((record, deleted) => this.#hear(record, deleted));
    kernel.onLost(() => this.#readAgain());
    for (const record of kernel.list()) this.#hear(record, false);
  }

  now(): Millis {
    return this.#clock.now();
  }

  /** Has the kernel ask for a neighbour that it takes for known and has not begun to ask for, or asks ourselves where it never asks. */
  askAgain(neighbour: Neighbour): void {
    const now = this.#clock.now();
    if (now - neighbour.askedAt < ASK_INTERVAL_MS) return;
    const { address } = neighbour;
    if (this.#permanent.get(address)) {
      // Nobody else ends the wait of what came before.
      if (neighbour.askedAt !== -Infinity) {
        neighbour.queue.keepLast("tx_neighbour_failed");
      }
      neighbour.askedAt = now;
      neighbour.asked = true;
      this.onRequest(address);
    } else if (!neighbour.asked && this.#allowed(now)) {
      neighbour.askedAt = now;
      if (!this.#kernel.resolve(address)) this.onForgotten(address);
    }
  }

  /** The address behind a neighbour changed: the kernel is to make sure of it. */
  stale({ address }: Neighbour): void {
    if (this.#allowed(this.#clock.now())) this.#kernel.setStale(address);
  }

  /** Makes the kernel's entry PERMANENT. */
  keep(address: IpAddress): void {
    this.#permanent.set(address, true);
    this.#kernel.setPermanent(address);
  }

  /** Our entry goes: so does the kernel's, unless the administrator made it. */
  remove(address: IpAddress): void {
    if (this.#permanent.get(address)) return;
    if (this.#allowed(this.#clock.now())) this.#kernel.remove(address);
  }

  #readAgain(): void {
    const known = new AddressTable<true>();
    this.#permanent.clear();
    for (const record of this.#kernel.list()) {
      if (record.state !== "FAILED") known.set(record.address, true);
      this.#hear(record, false);
    }
    this.onUncertain((address) => known.get(address) !== undefined);
  }

  #hear({ address, state }: KernelNeighbour, deleted: boolean): void {
    const permanent = !deleted && state === "PERMANENT";
    if (permanent) this.#permanent.set(address, true);
    else if (this.#permanent.size > 0) this.#permanent.delete(address);
    if (deleted || state === "FAILED") this.onForgotten(address);
  }

  #allowed(now: Millis): boolean {
    if (now >= this.#periodEnd) {
      this.#periodEnd = now + 1000;
      this.#changes = 0;
    }
    return ++this.#changes <= MAX_KERNEL_CHANGES;
  }
}
