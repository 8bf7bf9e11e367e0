/**
 * A netdev without a kernel, for unit tests. A test injects frames, inspects written frames and sets the configuration.
 * The fake needs no privileges, and no FFI if the test sets `resolve`.
 */

import { Errno } from "../base/errno.ts";
import { bytesAt } from "../../ffi/libc.ts";
import { Listeners } from "../base/listeners.ts";
import type { Millis } from "../base/units.ts";
import { FrameBatch, type FrameMemory } from "../system/frames.ts";
import type { NetworkNamespace } from "../system/namespace.ts";
import { FRAME_HEADER_LENGTH } from "../wire/ethernet.ts";
import { IpAddress } from "../wire/ip_address.ts";
import { Ipv4Field } from "../wire/ipv4.ts";
import {
  isLimitedBroadcast,
  isMulticast,
  samePrefix,
  subnetBroadcast,
} from "../wire/ipv4_address.ts";
import { FakeNeighbours } from "./fake_neighbours.ts";
import type {
  ConfigChange,
  DeviceStatus,
  Flow,
  InterfaceAddress,
  NetConfig,
  Netdev,
  Route,
} from "./netdev.ts";

/** 224.0.0.1. */
const ALL_HOSTS = 0xe0000001 | 0;

export interface FakeOptions {
  readonly name?: string;
  readonly ifindex?: number;
  readonly mtu?: number;
  readonly up?: boolean;
  /** Memory into which frames are read. Without it, no frame is read. */
  readonly memory?: FrameMemory;
  /** Returns the bytes at an address that the code under test passes. Default: the memory of this process. */
  readonly resolve?: (address: bigint, length: number) => Uint8Array;
}

/** A written frame. */
export interface WrittenFrame {
  /** Undefined for a frame of `writeBytes()`. */
  readonly address: bigint | undefined;
  /** A copy of the frame, starting with the virtio header. */
  readonly bytes: Uint8Array;
}

/** A configuration set by a test. Each change calls the listeners synchronously. */
class FakeConfig implements NetConfig {
  namespace: NetworkNamespace = { inode: 1n, procInode: 2n, initial: true };
  name: string;
  readonly ifindex: number;
  mtu: number;
  up: boolean;
  addresses: readonly InterfaceAddress[] = [];
  memberships: readonly IpAddress[] = [];
  routesByPort = false;
  /** Number of calls of `route()`. */
  routeLookups = 0;
  readonly neighbours = new FakeNeighbours();
  /** Joined groups, keyed by text. */
  readonly #groups = new Map<string, IpAddress>();
  #routes: { prefix: number; prefixLength: number; route: Route }[] = [];
  readonly #listeners = new Listeners<[ConfigChange]>();

  constructor(
    { name = "ib0", ifindex = 7, mtu = 2044, up = false }: FakeOptions,
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
  setLink(link: { up?: boolean; mtu?: number; name?: string }): void {
    const { up = this.up, mtu = this.mtu, name = this.name } = link;
    if (up === this.up && mtu === this.mtu && name === this.name) return;
    const toggled = up !== this.up;
    this.up = up;
    this.mtu = mtu;
    this.name = name;
    this.emit("link");
    if (toggled && this.#updateMemberships()) this.emit("membership");
    this.emit("route");
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

/** A {@linkcode Netdev} driven by a test. */
export class FakeNetdev implements Netdev {
  readonly name: string;
  readonly ifindex: number;
  readonly config: FakeConfig;
  readonly nextHopSource = "routes";
  /** Written frames, oldest first. */
  readonly written: WrittenFrame[] = [];
  carrier = false;
  /** The value that {@linkcode status} returns. */
  kernelStatus: DeviceStatus = {
    promiscuity: 0,
    allmulti: 0,
    minMtu: 68,
    maxMtu: 65521,
    queueDrops: 0,
  };
  /** Records calls of `addLinkLocal()` and `deleteLinkLocal()`, as `+fe80::1` and `-fe80::1`. */
  readonly linkLocals: string[] = [];
  /** Speed in Mbit/s. */
  speed = 0;
  paused = false;
  closed = false;
  /** Times of the `noteReport()` calls. */
  readonly reports: Millis[] = [];
  /** A positive errno with which every write fails, or 0. */
  writeError = 0;
  onFrames: (batch: FrameBatch) => void = () => {};
  onWritten: (frames: number, bytes: number) => void = () => {};
  onRefused: (errno: number) => void = () => {};
  readonly #batch = new FrameBatch(1);
  readonly #memory: FrameMemory | undefined;
  readonly #queue: Uint8Array[] = [];
  readonly #resolve: (address: bigint, length: number) => Uint8Array;

  constructor(options: FakeOptions = {}) {
    this.config = new FakeConfig(options);
    this.name = this.config.name;
    this.ifindex = this.config.ifindex;
    this.#memory = options.memory;
    this.#resolve = options.resolve ??
      ((address, length) => new Uint8Array(bytesAt(address, length)));
    this.config.neighbours.output = (frame) => this.inject(frame);
  }

  /** Number of frames that have not been read yet. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Routes IPv4 frames and resolves their next hops, as the kernel does before it passes frames to a device. */
  send(...frames: Uint8Array[]): void {
    const { config } = this;
    for (const frame of frames) {
      const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
      const destination = view.getInt32(
        FRAME_HEADER_LENGTH + Ipv4Field.Destination,
      );
      const route = config.routeOf(destination);
      if (route.type === "unicast") {
        config.neighbours.send(frame, route.legs[0]!.nextHop.w3);
      } else this.inject(frame);
    }
  }

  /** Queues frames, each starting with the virtio header, and delivers them if there are slots. */
  inject(...frames: Uint8Array[]): void {
    this.#queue.push(...frames);
    this.deliver();
  }

  /** Delivers queued frames to `onFrames` while there are slots. */
  deliver(): void {
    while (!this.closed && !this.paused && this.#queue.length > 0) {
      const slot = this.#memory?.reserve() ?? -1;
      this.paused = slot < 0;
      if (this.paused) return;
      const frame = this.#queue.shift()!;
      this.#fill(slot, frame);
      this.#batch.count = 0;
      this.#batch.add(
        slot,
        Math.min(frame.length, this.#memory!.frameCapacity),
      );
      this.onFrames(this.#batch);
    }
  }

  /** Returns and removes the frames written so far. */
  takeWritten(): Uint8Array[] {
    return this.written.splice(0).map(({ bytes }) => bytes);
  }

  write(address: bigint, length: number): void {
    const taken = this.#take(address, length, this.#resolve(address, length));
    if (taken < 0) this.onRefused(-taken);
    else this.onWritten(1, length);
  }

  writeBytes(frame: Uint8Array): number {
    return this.#take(undefined, frame.length, frame);
  }

  resume(): void {
    this.paused = false;
    this.deliver();
  }

  setCarrier(on: boolean): void {
    this.carrier = on;
  }

  setSpeed(mbps: number): void {
    this.speed = mbps;
  }

  status(): DeviceStatus {
    return this.kernelStatus;
  }

  setMtu(mtu: number): void {
    this.config.setLink({ mtu });
  }

  setUp(up: boolean): void {
    this.config.setLink({ up });
  }

  /** Records the call. Does not change the configuration. */
  addLinkLocal(address: IpAddress): void {
    this.linkLocals.push(`+${address}`);
  }

  deleteLinkLocal(address: IpAddress): void {
    this.linkLocals.push(`-${address}`);
  }

  noteReport(now: Millis): void {
    this.reports.push(now);
  }

  close(): void {
    this.closed = true;
  }

  /** Copies a frame into a slot, and truncates it to the slot's capacity as a TAP does. */
  #fill(slot: number, frame: Uint8Array): void {
    const { vnetAddress, frameCapacity } = this.#memory!;
    const length = Math.min(frame.length, frameCapacity);
    this.#resolve(vnetAddress[slot]!, length).set(frame.subarray(0, length));
  }

  #take(
    address: bigint | undefined,
    length: number,
    bytes: Uint8Array,
  ): number {
    if (this.closed) return -Errno.ENODEV;
    if (this.writeError !== 0) return -this.writeError;
    if (!this.config.up) return -Errno.EIO;
    const frame = bytes.slice();
    if (!this.config.neighbours.take(frame)) {
      this.written.push({ address, bytes: frame });
    }
    return length;
  }
}
