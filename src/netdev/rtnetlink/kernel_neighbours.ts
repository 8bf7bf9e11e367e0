/** The kernel's neighbours on an interface, over rtnetlink. */

import { getLogger } from "../../base/log.ts";
import { IpoibError } from "../../base/errors.ts";
import { Listeners } from "../../base/listeners.ts";
import type { IpAddress } from "../../wire/ip_address.ts";
import type {
  KernelNeighbour,
  KernelNeighbours,
  KernelNeighbourState,
} from "../net_config.ts";
import {
  dumpNeighbours,
  type NeighbourRecord,
  NeighbourState,
} from "./neighbour.ts";
import { readNeighbourLimit } from "./neighbour_limit.ts";
import { changeNeighbours, type NeighbourChange } from "./neighbour_set.ts";
import type { RequestSocket } from "./socket.ts";

/** A request socket in the interface's namespace, and the index of the interface. */
interface Access {
  readonly requests: RequestSocket;
  readonly ifindex: number;
}

/** Returns the access to the interface, or undefined if it is gone. */
export type InterfaceAccess = () => Access | undefined;

/** Names of the states by value. */
const names = new Map<number, KernelNeighbourState>(
  (Object.keys(NeighbourState) as KernelNeighbourState[]).map((
    name,
  ) => [NeighbourState[name], name]),
);

export class MirroredNeighbours implements KernelNeighbours {
  readonly #access: InterfaceAccess;
  readonly #listeners = new Listeners<
    [record: KernelNeighbour, deleted: boolean]
  >();
  readonly #lostListeners = new Listeners<[]>();

  constructor(access: InterfaceAccess) {
    this.#access = access;
  }

  list(): KernelNeighbour[] {
    return this.#read(({ requests, ifindex }) =>
      dumpNeighbours(requests, ifindex)
        .filter(({ state }) => state !== NeighbourState.NOARP)
        .map(neighbourOf)
    ) ?? [];
  }

  limit(): number | undefined {
    return this.#read(({ requests }) => readNeighbourLimit(requests));
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

  /** Passes an event to the listeners, unless it is about a proxy or NOARP entry. */
  notify(record: NeighbourRecord, deleted: boolean): void {
    if (record.proxy || record.state === NeighbourState.NOARP) return;
    this.#listeners.call(neighbourOf(record), deleted);
  }

  /** Calls the listeners of {@linkcode onLost}: events were lost, or the interface was moved to another namespace. */
  notifyLost(): void {
    this.#lostListeners.call();
  }

  /** Returns the result of `read`; undefined if it throws or the interface is gone. */
  #read<T>(read: (access: Access) => T): T | undefined {
    const access = this.#access();
    if (!access) return undefined;
    try {
      return read(access);
    } catch (error) {
      getLogger().warn(IpoibError.from(error).message);
      return undefined;
    }
  }

  #change(address: IpAddress, change: NeighbourChange): boolean {
    const access = this.#access();
    if (!access) return false;
    const { requests, ifindex } = access;
    const { gone, refused } = changeNeighbours(
      requests,
      ifindex,
      [address],
      change,
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
