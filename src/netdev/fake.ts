/**
 * A netdev without a kernel, for unit tests: frames go in and come out, and the configuration is what the
 * test says. It needs no privilege, and no FFI where the test resolves addresses itself.
 */

import { bytesAt } from "../../ffi/libc.ts";
import type { Millis } from "../base/units.ts";
import {
  isLimitedBroadcast,
  isMulticast,
  samePrefix,
  subnetBroadcast,
} from "../wire/ipv4_address.ts";
import type {
  ConfigChange,
  Ipv4Address,
  Ipv4Route,
  NetConfig,
  Netdev,
} from "./netdev.ts";

/** 224.0.0.1. */
const ALL_HOSTS = 0xe0000001 | 0;
const ENODEV = 19;
const EIO = 5;

export interface FakeOptions {
  readonly name?: string;
  readonly ifindex?: number;
  readonly mtu?: number;
  readonly up?: boolean;
  /** The octets at an address that the code under test passes: its own memory, unless told otherwise. */
  readonly resolve?: (address: bigint, length: number) => Uint8Array;
}

/** A frame that was written. */
export interface WrittenFrame {
  /** Undefined for a frame of `writeBytes()`. */
  readonly address: bigint | undefined;
  /** A copy, virtio header first. */
  readonly bytes: Uint8Array;
}

/** A configuration that a test sets; its listeners are called at once. */
export class FakeConfig implements NetConfig {
  name: string;
  readonly ifindex: number;
  mtu: number;
  up: boolean;
  addresses: readonly Ipv4Address[] = [];
  memberships: ReadonlySet<number> = new Set();
  /** How often `route()` was asked. */
  routeLookups = 0;
  readonly #groups = new Set<number>();
  #routes: { prefix: number; prefixLength: number; route: Ipv4Route }[] = [];
  readonly #listeners: ((change: ConfigChange) => void)[] = [];

  constructor(
    { name = "ib0", ifindex = 7, mtu = 2044, up = false }: FakeOptions,
  ) {
    this.name = name;
    this.ifindex = ifindex;
    this.mtu = mtu;
    this.up = up;
    this.#updateMemberships();
  }

  isLocal(address: number): boolean {
    return this.addresses.some((own) => own.address === address);
  }

  /** Longest prefix of `addRoute()` and of the addresses; classes and broadcasts as the kernel knows them. */
  route(destination: number, _source: number): Ipv4Route {
    this.routeLookups++;
    if (!this.up || this.isLocal(destination)) return { type: "none" };
    if (isMulticast(destination)) return { type: "multicast" };
    if (
      isLimitedBroadcast(destination) ||
      this.addresses.some((own) => own.broadcast === destination)
    ) return { type: "broadcast" };
    let longest = -1;
    let found: Ipv4Route = { type: "none" };
    for (const { address, prefixLength } of this.addresses) {
      if (
        prefixLength > longest && samePrefix(address, destination, prefixLength)
      ) {
        longest = prefixLength;
        found = { type: "unicast", nextHop: destination };
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
    this.#listeners.push(listener);
  }

  /** Calls the listeners. */
  emit(...changes: ConfigChange[]): void {
    for (const change of changes) {
      for (const listener of this.#listeners) listener(change);
    }
  }

  /** Sets what is given, and tells the listeners if anything differs. */
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
    details: Partial<Ipv4Address> = {},
  ): void {
    this.addresses = [...this.addresses, {
      address,
      prefixLength,
      broadcast: subnetBroadcast(address, prefixLength),
      scope: 0,
      secondary: false,
      ...details,
    }];
    this.emit("address", "route");
  }

  deleteAddress(address: number): void {
    this.addresses = this.addresses.filter((own) => own.address !== address);
    this.emit("address", "route");
  }

  join(group: number): void {
    this.#groups.add(group);
    if (this.#updateMemberships()) this.emit("membership");
  }

  leave(group: number): void {
    this.#groups.delete(group);
    if (this.#updateMemberships()) this.emit("membership");
  }

  /** Routes a prefix; a number is the next hop. */
  addRoute(
    prefix: number,
    prefixLength: number,
    route: Ipv4Route | number,
  ): void {
    this.#routes.push({
      prefix,
      prefixLength,
      route: typeof route === "number"
        ? { type: "unicast", nextHop: route }
        : route,
    });
    this.emit("route");
  }

  clearRoutes(): void {
    this.#routes = [];
    this.emit("route");
  }

  #updateMemberships(): boolean {
    const groups = new Set(this.#groups);
    if (this.up) groups.add(ALL_HOSTS);
    const changed = groups.size !== this.memberships.size ||
      [...groups].some((group) => !this.memberships.has(group));
    if (changed) this.memberships = groups;
    return changed;
  }
}

/** See the module's documentation. */
export class FakeNetdev implements Netdev {
  readonly name: string;
  readonly ifindex: number;
  readonly config: FakeConfig;
  /** What came out, oldest first. */
  readonly written: WrittenFrame[] = [];
  carrier = false;
  /** What {@linkcode queueDrops} says. */
  dropped = 0;
  paused = false;
  closed = false;
  /** Times of `noteReport()`. */
  readonly reports: Millis[] = [];
  /** A positive errno that every write fails with, or 0. */
  writeError = 0;
  onReadable: () => void = () => {};
  onFrame: (slot: number, length: number) => void = () => {};
  onWriteFailed: (errno: number, length: number) => void = () => {};
  readonly #queue: Uint8Array[] = [];
  readonly #resolve: (address: bigint, length: number) => Uint8Array;

  constructor(options: FakeOptions = {}) {
    this.config = new FakeConfig(options);
    this.name = this.config.name;
    this.ifindex = this.config.ifindex;
    this.#resolve = options.resolve ??
      ((address, length) => new Uint8Array(bytesAt(address, length)));
  }

  /** Frames that wait to be read. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Has the kernel send a frame (virtio header first); reports it unless paused. */
  inject(...frames: Uint8Array[]): void {
    this.#queue.push(...frames);
    if (!this.paused && this.#queue.length > 0) this.onReadable();
  }

  /** Takes what was written so far. */
  takeWritten(): Uint8Array[] {
    return this.written.splice(0).map(({ bytes }) => bytes);
  }

  read(address: bigint, capacity: number): number {
    if (this.closed) return -ENODEV;
    const frame = this.#queue.shift();
    if (!frame) return 0;
    // As a TUN does: what does not fit is lost.
    const length = Math.min(frame.length, capacity);
    this.#resolve(address, length).set(frame.subarray(0, length));
    return length;
  }

  write(address: bigint, length: number): number {
    return this.#take(address, length, this.#resolve(address, length));
  }

  writeBytes(frame: Uint8Array): number {
    return this.#take(undefined, frame.length, frame);
  }

  /** Reports waiting frames when it is resumed, as a level-triggered poll would. */
  pause(paused: boolean): void {
    const resumed = this.paused && !paused;
    this.paused = paused;
    if (resumed && this.#queue.length > 0) this.onReadable();
  }

  setCarrier(on: boolean): void {
    this.carrier = on;
  }

  queueDrops(): number {
    return this.dropped;
  }

  setMtu(mtu: number): void {
    this.config.setLink({ mtu });
  }

  setUp(up: boolean): void {
    this.config.setLink({ up });
  }

  noteReport(now: Millis): void {
    this.reports.push(now);
  }

  close(): void {
    this.closed = true;
  }

  #take(
    address: bigint | undefined,
    length: number,
    bytes: Uint8Array,
  ): number {
    if (this.closed) return -ENODEV;
    if (this.writeError !== 0) return -this.writeError;
    if (!this.config.up) return -EIO;
    this.written.push({ address, bytes: bytes.slice() });
    return length;
  }
}
