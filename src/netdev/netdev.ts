/**
 * The kernel's edge: a network device that the kernel's stack sends to, and what the kernel knows of it.
 *
 * The real one is a TUN of link type InfiniBand (`tun/`), with the configuration mirrored over rtnetlink
 * (`rtnetlink/`); `fake.ts` is the one for unit tests. A netdev has no memory of its own: it reads into and writes
 * out of addresses that it is given, so that a packet is never copied in user space.
 *
 * IPv4 addresses are signed 32-bit integers of the big-endian octets (10.0.0.1 is 0x0a000001): always
 * small integers for the engine, so a Map keyed by them allocates nothing.
 */

import type { Millis } from "../base/units.ts";

/** An IPv4 address of the interface. */
export interface Ipv4Address {
  readonly address: number;
  readonly prefixLength: number;
  /** The subnet broadcast, or undefined for /31, /32 and point-to-point addresses. */
  readonly broadcast: number | undefined;
  readonly scope: number;
  readonly secondary: boolean;
}

/** Where the kernel's routing table sends a destination. */
export type Ipv4Route =
  | { readonly type: "unicast"; readonly nextHop: number }
  | { readonly type: "broadcast" }
  | { readonly type: "multicast" }
  /** The destination is this host, unreachable, prohibited, or leaves by another interface. */
  | { readonly type: "none" };

/** What changed in the mirror. */
export type ConfigChange = "link" | "address" | "route" | "membership" | "gone";

/** The kernel's configuration of one interface, kept current by rtnetlink. */
export interface NetConfig {
  readonly up: boolean;
  readonly mtu: number;
  readonly name: string;
  readonly ifindex: number;
  readonly addresses: readonly Ipv4Address[];
  /**
   * IPv4 groups the kernel joined on the interface; 224.0.0.1 is among them while the interface is up.
   * A change brings a new set, so an old one can be compared with it.
   */
  readonly memberships: ReadonlySet<number>;
  /** True if `address` is configured on this interface. */
  isLocal(address: number): boolean;
  /** Asks the kernel which way a packet leaves: a system call, so keep the answer until a change of kind "route". */
  route(destination: number, source: number): Ipv4Route;
  onChange(listener: (change: ConfigChange) => void): void;
}

/** A network device. */
export interface Netdev {
  /** As made; the kernel's current name is `config.name`. */
  readonly name: string;
  /** Another one after the interface moved to another namespace, as is `config.ifindex`. */
  readonly ifindex: number;
  readonly config: NetConfig;
  /** Reads one frame (virtio header first) to `address`: its length, 0 if there is none, or a negative errno. */
  read(address: bigint, capacity: number): number;
  /** Writes one frame (virtio header first) from `address`: bytes taken, or a negative errno. */
  write(address: bigint, length: number): number;
  /** Writes one frame from a buffer: for the slow path. */
  writeBytes(frame: Uint8Array): number;
  /** Called by the reactor when there may be frames to read, unless paused. */
  onReadable: () => void;
  /** Called instead where reads go on by themselves: a frame of `length` octets is in a posted slot. */
  onFrame: (slot: number, length: number) => void;
  /** Called where writes are done later: one of `length` octets failed with a positive errno. */
  onWriteFailed: (errno: number, length: number) => void;
  /**
   * Stops (or resumes) calling `onReadable`: the device's queue then fills, and what has no room in it the kernel drops,
   * which slows TCP down, and no other sender.
   */
  pause(paused: boolean): void;
  /** Tells the kernel whether the link has carrier. */
  setCarrier(on: boolean): void;
  /** Packets that the kernel dropped before they could be read. Asks the kernel. */
  queueDrops(): number;
  /** Asks the kernel; `config` tells of it later, with a change of kind "link". Throws what the kernel refuses. */
  setMtu(mtu: number): void;
  /** As `setMtu`. */
  setUp(up: boolean): void;
  /** Tells the device that an IGMP report left, so that memberships are read again soon (see memberships). */
  noteReport(now: Millis): void;
  close(): void;
}
