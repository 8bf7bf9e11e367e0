/** The kernel's configuration of a fake netdev (fake.ts): link, addresses, routes and memberships, set by a test. */

import { Listeners } from "../base/listeners.ts";
import type { NetworkNamespace } from "../system/namespace.ts";
import { IpAddress } from "../wire/ip_address.ts";
import {
  isLimitedBroadcast,
  isMulticast,
  samePrefix,
  subnetBroadcast,
} from "../wire/ipv4_address.ts";
import { MIN_IPV6_MTU } from "../wire/ipv6_address.ts";
import { FakeNeighbours } from "./fake_neighbours.ts";
import type {
  ConfigChange,
  Flow,
  InterfaceAddress,
  NetConfig,
  Route,
} from "./net_config.ts";

/** 224.0.0.1. */
const ALL_HOSTS = 0xe0000001 | 0;

/** Initial configuration. */
export interface FakeConfigOptions {
  readonly name?: string;
  readonly ifindex?: number;
  readonly mtu?: number;
  readonly up?: boolean;
}

/** A configuration set by a test. Each change calls the listeners synchronously. */
export class FakeConfig implements NetConfig {
  namespace: NetworkNamespace = { inode: 1n, procInode: 2n, initial: true };
  name: string;
  readonly ifindex: number;
  mtu: number;
  up: boolean;
  carrier = false;
  addresses: readonly InterfaceAddress[] = [];
  memberships: readonly IpAddress[] = [];
  routesByPort = false;
  ipv6Removals = 0;
  /** Number of calls of `route()`. */
  routeLookups = 0;
  readonly neighbours = new FakeNeighbours();
  /** Joined groups, keyed by text. */
  readonly #groups = new Map<string, IpAddress>();
  #routes: { prefix: number; prefixLength: number; route: Route }[] = [];
  readonly #listeners = new Listeners<[ConfigChange]>();

  constructor(
    { name = "ib0", ifindex = 7, mtu = 2044, up = false }: FakeConfigOptions,
  ) {
    this.name = name;
    this.ifindex = ifindex;
    this.mtu = mtu;
    this.up = up;
    this.neighbours.addresses = () => this.addresses;
    this.#updateMemberships();
  }

  isLocal(address: IpAddress): boolean {
    return this.addresses.some((own) => own.address.equals(address));
  }

  /**
   * For IPv4, returns the route with the longest matching prefix, from the addresses and `addRoute()`; local, multicast
   * and broadcast destinations take precedence. For IPv6, treats every destination that is not local as on the link.
   */
  route({ destination }: Flow): Route {
    this.routeLookups++;
    if (destination.isIpv4) return this.routeOf(destination.w3);
    return this.up && !this.isLocal(destination)
      ? { type: "unicast", legs: [{ nextHop: destination, weight: 1 }] }
      : { type: "none" };
  }

  /** Like {@linkcode route} for IPv4, but not counted in `routeLookups`. */
  routeOf(destination: number): Route {
    if (!this.up || this.isLocal(IpAddress.ipv4(destination))) {
      return { type: "none" };
    }
    if (isMulticast(destination)) return { type: "multicast" };
    if (
      isLimitedBroadcast(destination) ||
      this.addresses.some((own) => own.broadcast?.w3 === destination)
    ) return { type: "broadcast" };
    let longest = -1;
    let found: Route = { type: "none" };
    for (const { address, prefixLength } of this.addresses) {
      if (
        prefixLength > longest &&
        samePrefix(address.w3, destination, prefixLength)
      ) {
        longest = prefixLength;
        found = routeVia(destination);
      }
    }
    for (const { prefix, prefixLength, route } of this.#routes) {
      if (
        prefixLength > longest && samePrefix(prefix, destination, prefixLength)
      ) {
        longest = prefixLength;
        found = route;
      }
    }
    return found;
  }

  onChange(listener: (change: ConfigChange) => void): void {
    this.#listeners.add(listener);
  }

  /** Calls the listeners for each change. */
  emit(...changes: ConfigChange[]): void {
    for (const change of changes) {
      this.#listeners.call(change);
    }
  }

  /** Sets the given properties, and calls the listeners if any of them changes. */
  setLink(
    link: { up?: boolean; carrier?: boolean; mtu?: number; name?: string },
  ): void {
    const { up, carrier, mtu, name } = { ...this, ...link };
    const same = up === this.up && carrier === this.carrier &&
      mtu === this.mtu && name === this.name;
    if (same) return;
    const toggled = up !== this.up;
    const ranIpv6 = this.#runsIpv6;
    this.up = up;
    this.carrier = carrier;
    this.mtu = mtu;
    this.name = name;
    if (ranIpv6 && !this.#runsIpv6) this.ipv6Removals++;
    this.emit("link");
    if (toggled && this.#updateMemberships()) this.emit("membership");
    this.emit("route");
  }

  /** Sets the MTU as a change by the engine does: without a call of the listeners. */
  mtuWasSet(mtu: number): void {
    const ranIpv6 = this.#runsIpv6;
    this.mtu = mtu;
    if (ranIpv6 && !this.#runsIpv6) this.ipv6Removals++;
  }

  get #runsIpv6(): boolean {
    return this.up && this.mtu >= MIN_IPV6_MTU;
  }

  addAddress(
    address: number,
    prefixLength: number,
    details: Partial<InterfaceAddress> = {},
  ): void {
    const broadcast = subnetBroadcast(address, prefixLength);
    this.addresses = [...this.addresses, {
      address: IpAddress.ipv4(address),
      prefixLength,
      broadcast: broadcast === undefined
        ? undefined
        : IpAddress.ipv4(broadcast),
      scope: 0,
      secondary: false,
      ...details,
    }];
    this.emit("address", "route");
  }

  deleteAddress(address: number): void {
    this.addresses = this.addresses
      .filter((own) => own.address.w3 !== address);
    this.emit("address", "route");
  }

  addIpv6Address(text: string, prefixLength: number): void {
    this.addresses = [...this.addresses, {
      address: IpAddress.parse(text)!,
      prefixLength,
      broadcast: undefined,
      scope: 0,
      secondary: false,
    }];
    this.emit("address", "route");
  }

  join(group: number | IpAddress): void {
    const address = addressOf(group);
    this.#groups.set(String(address), address);
    if (this.#updateMemberships()) this.emit("membership");
  }

  leave(group: number | IpAddress): void {
    this.#groups.delete(String(addressOf(group)));
    if (this.#updateMemberships()) this.emit("membership");
  }

  /** Adds a route for a prefix. If `route` is a number, it is the next hop of a unicast route. */
  addRoute(
    prefix: number,
    prefixLength: number,
    route: Route | number,
  ): void {
    this.#routes.push({
      prefix,
      prefixLength,
      route: typeof route === "number" ? routeVia(route) : route,
    });
    this.emit("route");
  }

  clearRoutes(): void {
    this.#routes = [];
    this.emit("route");
  }

  #updateMemberships(): boolean {
    const groups = new Map(this.#groups);
    const allHosts = IpAddress.ipv4(ALL_HOSTS);
    if (this.up) groups.set(String(allHosts), allHosts);
    const known = new Set(this.memberships.map(String));
    const changed = groups.size !== known.size ||
      [...groups.keys()].some((group) => !known.has(group));
    if (changed) this.memberships = [...groups.values()];
    return changed;
  }
}

function addressOf(address: number | IpAddress): IpAddress {
  return typeof address === "number" ? IpAddress.ipv4(address) : address;
}

/** Returns a unicast route with one next hop. */
function routeVia(nextHop: number): Route {
  return {
    type: "unicast",
    legs: [{ nextHop: IpAddress.ipv4(nextHop), weight: 1 }],
  };
}
