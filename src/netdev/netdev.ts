/**
 * The kernel's edge: a network device that the kernel's stack sends to, and what the kernel knows of it.
 *
 * The real one is a TAP of link type InfiniBand (`tap/`), with the configuration mirrored over rtnetlink
 * (`rtnetlink/`); `fake.ts` is the one for unit tests. A netdev has no memory of its own: it reads into and writes
 * out of addresses that it is given, so that a packet is never copied in user space.
 */

import type { Millis } from "../base/units.ts";
import type { FrameBatch } from "../system/frames.ts";
import type { NetworkNamespace } from "../system/namespace.ts";
import type { IpAddress } from "../wire/ip_address.ts";

/** An address of the interface. */
export interface InterfaceAddress {
  readonly address: IpAddress;
  /** Bits, of 32 or 128. */
  readonly prefixLength: number;
  /** The subnet broadcast, or undefined for /31, /32 and point-to-point addresses. */
  readonly broadcast: IpAddress | undefined;
  readonly scope: number;
  readonly secondary: boolean;
}

/** What a device can know of a packet that decides its way. */
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

/** One of the ways of a route by our interface. */
export interface RouteLeg {
  /** The destination itself if it is on the link. An IPv6 address for an IPv4 destination is possible. */
  readonly nextHop: IpAddress;
  /** Its share of the flows, against the other legs' weights. */
  readonly weight: number;
}

/** Where the kernel's routing sends a flow. */
export type Route =
  /** At least one leg, in the order of their addresses. */
  | { readonly type: "unicast"; readonly legs: readonly RouteLeg[] }
  | { readonly type: "broadcast" }
  | { readonly type: "multicast" }
  /** The destination is this host, unreachable, prohibited, or leaves by another interface. */
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
  /** Seconds since it was used, confirmed and changed. */
  readonly used: number;
  readonly confirmed: number;
  readonly updated: number;
  readonly probes: number;
}

/** The kernel's neighbours on one interface. Nothing here throws: an entry may go, and the device move, at any time. */
export interface KernelNeighbours {
  /** Asks the kernel; without the NOARP entries that it has for multicast and broadcast addresses. */
  list(): readonly KernelNeighbour[];
  /**
   * Sets the entry FAILED if there is one, then uses it, which makes one if need be: the kernel asks by broadcast at once.
   * False if the kernel refuses or the interface is gone.
   */
  resolve(address: IpAddress): boolean;
  setStale(address: IpAddress): void;
  setPermanent(address: IpAddress): void;
  remove(address: IpAddress): void;
  /** The listener hears what the kernel did by itself, or for others. */
  onNeighbour(
    listener: (record: KernelNeighbour, deleted: boolean) => void,
  ): void;
  /** The listener hears that changes went unheard: {@linkcode list} has the truth. */
  onLost(listener: () => void): void;
}

/** What changed in the mirror. */
export type ConfigChange = "link" | "address" | "route" | "membership" | "gone";

/** The kernel's configuration of one interface, kept current by rtnetlink. */
export interface NetConfig {
  /** Where the interface is; a change is of kind "link". */
  readonly namespace: NetworkNamespace;
  readonly up: boolean;
  readonly mtu: number;
  readonly name: string;
  readonly ifindex: number;
  readonly addresses: readonly InterfaceAddress[];
  /**
   * Groups that the kernel joined on the interface; 224.0.0.1 is among them while the interface is up.
   * A change brings a new list, so an old one can be compared with it.
   */
  readonly memberships: readonly IpAddress[];
  /** True if `address` is configured on this interface. */
  isLocal(address: IpAddress): boolean;
  /** Asks the kernel which way a packet leaves: a system call, so keep the answer until a change of kind "route". */
  route(flow: Flow): Route;
  /** True if rules of policy routing look at protocols or ports, so that one answer of `route` serves one connection. */
  readonly routesByPort: boolean;
  readonly neighbours: KernelNeighbours;
  onChange(listener: (change: ConfigChange) => void): void;
}

/** What the kernel says of a device when it is asked. */
export interface DeviceStatus {
  /** How many users want all packets, and all multicast packets. */
  readonly promiscuity: number;
  readonly allmulti: number;
  readonly minMtu: number;
  readonly maxMtu: number;
  /** Packets that the kernel dropped before they could be read. */
  readonly queueDrops: number;
}

/** A network device. */
export interface Netdev {
  /** As made; the kernel's current name is `config.name`. */
  readonly name: string;
  /** Another one after the interface moved to another namespace, as is `config.ifindex`. */
  readonly ifindex: number;
  readonly config: NetConfig;
  /** Where next hops come from: "program" if frames tell them, else why they do not. */
  readonly nextHopSource: string;
  /** Called with frames (virtio header first) that were read; their slots are the callee's, the batch is not. */
  onFrames: (batch: FrameBatch) => void;
  /** Called when so many frames of so many bytes in all were taken by the kernel. */
  onWritten: (frames: number, bytes: number) => void;
  /** Called when a frame was refused, with a positive errno (EIO while the link is down). */
  onRefused: (errno: number) => void;
  /** Writes one frame (virtio header first) from `address`; it must stay as it is until the loop's next wait is over. */
  write(address: bigint, length: number): void;
  /** Writes one frame from a buffer, at once: bytes taken, or a negative errno. For the slow path. */
  writeBytes(frame: Uint8Array): number;
  /**
   * Slots are free again. While there are none the device is left alone: its queue fills, and what has no room in it the
   * kernel drops, which slows TCP down, and no other sender.
   */
  resume(): void;
  /** Tells the kernel whether the link has carrier. */
  setCarrier(on: boolean): void;
  /** Tells the kernel the rate of the link in Mbit/s, which `ethtool` and sysfs show. */
  setSpeed(mbps: number): void;
  /** Asks the kernel. */
  status(): DeviceStatus;
  /** Asks the kernel; `config` tells of it later, with a change of kind "link". Throws what the kernel refuses. */
  setMtu(mtu: number): void;
  /** As `setMtu`. */
  setUp(up: boolean): void;
  /** Tells the device that an IGMP report left, so that memberships are read again soon (see memberships). */
  noteReport(now: Millis): void;
  close(): void;
}
