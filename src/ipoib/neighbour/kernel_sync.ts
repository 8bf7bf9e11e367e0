/**
 * Synchronizes the neighbour table with the kernel's: requests changes of the kernel's entries, and receives the
 * changes that the kernel makes.
 *
 * Peers can trigger changes at any rate. Resolutions are limited to one per neighbour and second, and resolutions,
 * removals and changes to STALE together to MAX_KERNEL_CHANGES per second, of which removals take the first
 * MAX_KERNEL_REMOVALS at most, so that evictions do not prevent resolutions. A change over the limit is omitted; for a
 * resolution the next packet tries again.
 */

import type { Clock } from "../../base/clock.ts";
import type { Millis } from "../../base/units.ts";
import type {
  KernelNeighbour,
  KernelNeighbours,
} from "../../netdev/net_config.ts";
import { IpAddress } from "../../wire/ip_address.ts";
import { AddressTable } from "../address_table.ts";
import {
  MAX_KERNEL_CHANGES,
  MAX_KERNEL_REMOVALS,
  REQUEST_INTERVAL_MS,
} from "../constants.ts";
import type { DebugLog } from "../debug_log.ts";
import type { Neighbour } from "./neighbour.ts";

export class KernelSync {
  /** Called when the kernel's entry of an address failed or was deleted, or its resolution was refused. */
  onRemoved: (address: IpAddress) => void = () => {};
  /** Called when the kernel's resolution of an address has failed. */
  onFailed: (address: IpAddress) => void = () => {};
  /** Called when the kernel has confirmed that an address is reachable. */
  onReachable: (address: IpAddress) => void = () => {};
  /** Called after lost notifications; `has` returns true for addresses with a kernel entry that has not failed. */
  onResync: (has: (address: IpAddress) => boolean) => void = () => {};
  /** Called to send a request for an address that the kernel does not resolve because its entry is PERMANENT. */
  onRequest: (address: IpAddress) => void = () => {};
  readonly #clock: Clock;
  readonly #debug: DebugLog;
  readonly #kernel: KernelNeighbours;
  /** Addresses whose kernel entries are PERMANENT. */
  readonly #permanent = new AddressTable<true>();
  #changes = 0;
  #periodEnd: Millis = 0;

  constructor(clock: Clock, kernel: KernelNeighbours, debug: DebugLog) {
    this.#debug = debug;
    this.#clock = clock;
    this.#kernel = kernel;
    kernel.onNeighbour((record, deleted) => this.#onRecord(record, deleted));
    kernel.onLost(() => this.#resync());
    for (const record of kernel.list()) this.#onRecord(record, false);
  }

  now(): Millis {
    return this.#clock.now();
  }

  /** Number of PERMANENT entries in the kernel's table. */
  get permanent(): number {
    return this.#permanent.size;
  }

  /**
   * Makes the kernel resolve a neighbour again, unless a request is pending. If the kernel's entry is PERMANENT, calls
   * {@linkcode onRequest} instead. Limited to one call per REQUEST_INTERVAL_MS and neighbour.
   */
  requestAgain(neighbour: Neighbour): void {
    const now = this.#clock.now();
    if (now - neighbour.requestedAt < REQUEST_INTERVAL_MS) return;
    const { address } = neighbour;
    if (this.#permanent.get(address)) {
      // The kernel reports no failure for a PERMANENT entry, so packets of the last attempt are dropped here.
      if (neighbour.requestedAt !== -Infinity) {
        neighbour.queue.keepLast("tx_neighbour_failed");
      }
      neighbour.requestedAt = now;
      neighbour.requestPending = true;
      this.#debug.decision(() =>
        `${address} is resolved by a request of this program: the kernel's entry is PERMANENT`
      );
      this.onRequest(address);
    } else if (!neighbour.requestPending && this.#allowed(now)) {
      neighbour.requestedAt = now;
      this.#debug.decision(() => `The kernel is made to resolve ${address}`);
      if (!this.#kernel.resolve(address)) this.onRemoved(address);
    }
  }

  /** Sets the kernel's entry STALE after a change of the link-layer address, so that the kernel verifies it. */
  setStale({ address }: Neighbour): void {
    if (this.#allowed(this.#clock.now())) this.#kernel.setStale(address);
  }

  /** Sets the kernel's entry PERMANENT. */
  setPermanent(address: IpAddress): void {
    this.#permanent.set(address, true);
    this.#kernel.setPermanent(address);
  }

  /** Removes the kernel's entry, whatever its state and without a limit, at the user's request. */
  delete(address: IpAddress): void {
    // No call of the listener follows, which is not called for changes by this object.
    this.#permanent.delete(address);
    this.#kernel.remove(address);
  }

  /** Removes the kernel's entry of an evicted neighbour unless it is PERMANENT. */
  remove(address: IpAddress): void {
    if (this.#permanent.get(address)) return;
    const now = this.#clock.now();
    if (this.#allowed(now, MAX_KERNEL_REMOVALS)) this.#kernel.remove(address);
  }

  #resync(): void {
    this.#debug.decision(() =>
      "The kernel's neighbours are read again, because notifications were lost or the interface has moved"
    );
    const known = new AddressTable<true>();
    this.#permanent.clear();
    for (const record of this.#kernel.list()) {
      if (record.state !== "FAILED") known.set(record.address, true);
      this.#onRecord(record, false);
    }
    this.onResync((address) => known.get(address) !== undefined);
  }

  #onRecord({ address, state }: KernelNeighbour, deleted: boolean): void {
    this.#debug.decision(() =>
      `The kernel's entry of ${address} is ${deleted ? "deleted" : state}`
    );
    const permanent = !deleted && state === "PERMANENT";
    if (permanent) this.#permanent.set(address, true);
    else if (this.#permanent.size > 0) this.#permanent.delete(address);
    if (!deleted && state === "REACHABLE") this.onReachable(address);
    if (!deleted && state === "FAILED") this.onFailed(address);
    if (deleted || state === "FAILED") this.onRemoved(address);
  }

  /** Counts a change and returns true, unless `limit` changes were requested in the current second. */
  #allowed(now: Millis, limit = MAX_KERNEL_CHANGES): boolean {
    if (now >= this.#periodEnd) {
      this.#periodEnd = now + 1000;
      this.#changes = 0;
    }
    if (this.#changes >= limit) return false;
    this.#changes++;
    return true;
  }
}
