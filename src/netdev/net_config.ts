/** The kernel's configuration of a network device: addresses, routes, neighbours and multicast memberships. */

import type { QualifiedName } from "../base/qualified_name.ts";
import type { NetworkNamespace } from "../system/namespace.ts";
import type { IpAddress } from "../wire/ip_address.ts";

/** An address of the interface. */
export interface InterfaceAddress {
  readonly address: IpAddress;
  /** In bits: 0 to 32 for IPv4, 0 to 128 for IPv6. */
  readonly prefixLength: number;
  /** The subnet broadcast, or undefined for /31, /32 and point-to-point addresses. */
  readonly broadcast: IpAddress | undefined;
  readonly scope: number;
  readonly secondary: boolean;
}

/** The fields of a packet's headers that affect routing. */
export interface Flow {
  readonly destination: IpAddress;
  readonly source: IpAddress;
  /** Type of service, or traffic class. */
  readonly tos: number;
  readonly protocol: number;
  /** 0 if the packet has none, or is a later fragment. */
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/** A next hop of a route through this interface. */
export interface RouteLeg {
  /** The destination itself if it is on the link. May be an IPv6 address for an IPv4 destination. */
  readonly nextHop: IpAddress;
  /** Share of the flows relative to the weights of the other legs. */
  readonly weight: number;
}

/** The kernel's route of a flow. */
export type Route =
  /** At least one leg, sorted by address. */
  | { readonly type: "unicast"; readonly legs: readonly RouteLeg[] }
  | { readonly type: "broadcast" }
  | { readonly type: "multicast" }
  /** The destination is local, unreachable or prohibited, or its route uses another interface. */
  | { readonly type: "none" };

/** States of the kernel's neighbours, as iproute2 prints them. */
export type KernelNeighbourState =
  | "NONE"
  | "INCOMPLETE"
  | "REACHABLE"
  | "STALE"
  | "DELAY"
  | "PROBE"
  | "FAILED"
  | "NOARP"
  | "PERMANENT";

/** An entry of the kernel's neighbour table. */
export interface KernelNeighbour {
  readonly address: IpAddress;
  readonly state: KernelNeighbourState;
  /** Seconds since the entry was last used, confirmed and changed. */
  readonly used: number;
  readonly confirmed: number;
  readonly updated: number;
  readonly probes: number;
}

/** The kernel's neighbours on one interface. No method throws: entries and the device may be deleted at any time. */
export interface KernelNeighbours {
  /** Reads the kernel's table, without the NOARP entries of multicast and broadcast addresses. */
  list(): readonly KernelNeighbour[];
  /**
   * Reads the maximum number of neighbours of both families and of all interfaces of the machine, to which PERMANENT
   * entries do not count (the sysctl `gc_thresh3`). Undefined if it is not known.
   */
  limit(): number | undefined;
  /**
   * Starts resolution: sets an existing entry to FAILED, then uses the entry, which the kernel creates if it is
   * missing. The kernel sends a broadcast or multicast request immediately. Returns false if the kernel refuses or the
   * interface is gone.
   */
  resolve(address: IpAddress): boolean;
  setStale(address: IpAddress): void;
  setPermanent(address: IpAddress): void;
  remove(address: IpAddress): void;
  /** Registers a listener for changes that were not requested through this object. */
  onNeighbour(
    listener: (record: KernelNeighbour, deleted: boolean) => void,
  ): void;
  /** Registers a listener that is called if changes were not reported. {@linkcode list} returns the current table. */
  onLost(listener: () => void): void;
}

/** The kind of a configuration change. */
export type ConfigChange = "link" | "address" | "route" | "membership" | "gone";

/** The kernel's configuration of one interface. */
export interface NetConfig {
  /** The namespace of the interface. Moving it to another namespace is a change of kind "link". */
  readonly namespace: NetworkNamespace;
  readonly up: boolean;
  /** The carrier state that the kernel last reported; it may be older than the last call of `setCarrier`. */
  readonly carrier: boolean;
  readonly mtu: number;
  readonly name: string;
  readonly ifindex: number;
  readonly addresses: readonly InterfaceAddress[];
  /**
   * How often the kernel has deleted all IPv6 addresses: when the interface was set down, its MTU fell below 1280, or it
   * moved to another namespace. Counts states that were over before this process read of them.
   */
  readonly ipv6Removals: number;
  /**
   * Multicast groups of both families that the kernel has joined on the interface, such as 224.0.0.1 while it is up. A
   * change replaces the list.
   */
  readonly memberships: readonly IpAddress[];
  /** Returns true if `address` is configured on this interface. */
  isLocal(address: IpAddress): boolean;
  /** Looks up the route of a flow. This takes system calls: keep the result until a change of kind "route". */
  route(flow: Flow): Route;
  /** True if policy routing rules match protocols or ports. A result of `route` is then valid only for equal ones. */
  readonly routesByPort: boolean;
  readonly neighbours: KernelNeighbours;
  onChange(listener: (change: ConfigChange) => void): void;
}

/** Returns name and namespace of an interface. */
export function qualifiedName(
  { name, namespace }: Pick<NetConfig, "name" | "namespace">,
): QualifiedName {
  return { name, namespace: namespace.inode };
}
