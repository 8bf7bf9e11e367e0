/**
 * Next hops: what the data path does with a destination, decided once and kept until something changes.
 *
 * A frame on a TUN has only its final destination; the kernel's routing table says which neighbour that means.
 */

import type { Millis } from "../../base/units.ts";
import type { NetConfig } from "../../netdev/netdev.ts";
import { isLimitedBroadcast, isMulticast } from "../../wire/ipv4_address.ts";
import { MAX_NEXT_HOPS } from "../constants.ts";
import type { Group } from "../multicast/group.ts";
import type { Neighbour } from "./neighbour.ts";

/** Where a destination leads: to a neighbour, to a group, or (with neither) nowhere. */
export interface NextHop {
  readonly neighbour: Neighbour | undefined;
  readonly group: Group | undefined;
}

/** Where neighbours and groups come from. */
export interface NextHopSource {
  neighbour(address: number, now: Millis): Neighbour;
  group(address: number, now: Millis): Group | undefined;
  broadcast(): Group | undefined;
}

const NOWHERE: NextHop = { neighbour: undefined, group: undefined };

export class NextHopCache {
  readonly #config: NetConfig;
  readonly #source: NextHopSource;
  readonly #hops = new Map<number, NextHop>();

  constructor(config: NetConfig, source: NextHopSource) {
    this.#config = config;
    this.#source = source;
  }

  /** The next hop of a destination if it is cached. */
  cached(destination: number): NextHop | undefined {
    return this.#hops.get(destination);
  }

  /** Decides, asking the kernel if need be. */
  find(destination: number, source: number, now: Millis): NextHop {
    const hop = this.#decide(destination, source, now);
    if (this.#hops.size >= MAX_NEXT_HOPS) this.#hops.clear();
    // A group that does not exist yet may exist when the next packet comes.
    if (hop.neighbour || hop.group) this.#hops.set(destination, hop);
    return hop;
  }

  clear(): void {
    this.#hops.clear();
  }

  #decide(destination: number, source: number, now: Millis): NextHop {
    if (isMulticast(destination)) {
      return toGroup(this.#source.group(destination, now));
    }
    if (isLimitedBroadcast(destination)) {
      return toGroup(this.#source.broadcast());
    }
    const route = this.#config.route(destination, source);
    switch (route.type) {
      case "unicast":
        return {
          neighbour: this.#source.neighbour(route.nextHop, now),
          group: undefined,
        };
      case "broadcast":
        return toGroup(this.#source.broadcast());
      case "multicast":
        return toGroup(this.#source.group(destination, now));
      case "none":
        return NOWHERE;
    }
  }
}

function toGroup(group: Group | undefined): NextHop {
  return { neighbour: undefined, group };
}
