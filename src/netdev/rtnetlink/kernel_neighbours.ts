/** The kernel's neighbours on an interface, as the engine uses them: nothing here throws. */

import { getLogger } from "../../base/log.ts";
import { IpoibError } from "../../base/errors.ts";
import { Listeners } from "../../base/listeners.ts";
import type { IpAddress } from "../../wire/ip_address.ts";
import type {
  KernelNeighbour,
  KernelNeighbours,
  KernelNeighbourState,
} from "../netdev.ts";
import {
  dumpNeighbours,
  type NeighbourRecord,
  NeighbourState,
} from "./neighbour.ts";
import { changeNeighbours, type NeighbourChange } from "./neighbour_set.ts";
import type { RequestSocket } from "./socket.ts";

/** Where the interface is; undefined once it was deleted. */
export type InterfacePlace = () =>
  | { readonly requests: RequestSocket; readonly ifindex: number }
  | undefined;

const names = new Map<number, KernelNeighbourState>(
  (Object.keys(NeighbourState) as KernelNeighbourState[]).map((
    name,
  ) => [NeighbourState[name], name]),
);

export class MirroredNeighbours implements KernelNeighbours {
  readonly #place: InterfacePlace;
  readonly #listeners = new Listeners<
    [record: KernelNeighbour, deleted: boolean]
  >();
  readonly #lostListeners = new Listeners<[]>();

  constructor(place: InterfacePlace) {
    this.#place = place;
  }

  list(): KernelNeighbour[] {
    const place = this.#place();
    if (!place) return [];
    try {
      return dumpNeighbours(place.requests, place.ifindex)
        .filter(({ state }) => state !== NeighbourState.NOARP)
        .map(neighbourOf);
    } catch (error) {
      getLogger("netdev").warn(IpoibError.from(error).message);
      return [];
    }
  }

  resolve(address: IpAddress): boolean {
    this.#change(address, "fail");
    return this.#change(address, "use");
  }

  setStale(address: IpAddress): void {
    this.#change(address, "stale");
  }

  setPermanent(address: IpAddress): void {
    this.#change(address, "permanent");
  }

  remove(address: IpAddress): void {
    this.#change(address, "delete");
  }

  onNeighbour(
    listener: (record: KernelNeighbour, deleted: boolean) => void,
  ): void {
    this.#listeners.add(listener);
  }

  onLost(listener: () => void): void {
    this.#lostListeners.add(listener);
  }

  /** An event of the kernel. */
  hear(record: NeighbourRecord, deleted: boolean): void {
    if (record.proxy || record.state === NeighbourState.NOARP) return;
    this.#listeners.call(neighbourOf(record), deleted);
  }

  /** Events were lost, or the interface is in another namespace. */
  lost(): void {
    this.#lostListeners.call();
  }

  #change(address: IpAddress, what: NeighbourChange): boolean {
    const place = this.#place();
    if (!place) return false;
    const { requests, ifindex } = place;
    const { gone, refused } = changeNeighbours(
      requests,
      ifindex,
      [address],
      what,
    );
    return gone + refused === 0;
  }
}

function neighbourOf(
  { address, state, ages, probes }: NeighbourRecord,
): KernelNeighbour {
  return {
    address,
    state: names.get(state) ?? "NONE",
    used: seconds(ages?.used),
    confirmed: seconds(ages?.confirmed),
    updated: seconds(ages?.updated),
    probes,
  };
}

function seconds(ms: number | undefined): number {
  return Math.floor((ms ?? 0) / 1000);
}
