/**
 * A netdev without a kernel, for unit tests. A test injects frames, inspects written frames and sets the configuration.
 * The fake needs no privileges, and no FFI if the test sets `resolve`.
 */

import { Errno } from "../base/errno.ts";
import { Listeners } from "../base/listeners.ts";
import { bytesAt } from "../../ffi/libc.ts";
import type { Millis } from "../base/units.ts";
import {
  FrameBatch,
  type FrameMemory,
  type GatheredFrame,
  IOVEC_LENGTH,
} from "../system/frames.ts";
import { FRAME_HEADER_LENGTH } from "../wire/ethernet.ts";
import type { IpAddress } from "../wire/ip_address.ts";
import { Ipv4Field } from "../wire/ipv4.ts";
import { FakeConfig, type FakeConfigOptions } from "./fake_config.ts";
import {
  GATEWAY_PREFIXES_LENGTH,
  GatewayPrefixes,
} from "./gateway_prefixes.ts";
import {
  type DeviceRoute,
  type DeviceStatus,
  type FrameListener,
  KERNEL_FEATURES,
  type KernelAddress,
  type KernelFeature,
  type LinkChanges,
  type Netdev,
  type NewAddress,
} from "./netdev.ts";
import { Iff } from "./rtnetlink/link_message.ts";

/** IF_OPER_ states (RFC 2863). */
const IF_OPER_DOWN = 2;
const IF_OPER_UP = 6;

export interface FakeOptions extends FakeConfigOptions {
  /** Memory into which frames are read. Without it, no frame is read. */
  readonly memory?: FrameMemory;
  /** Returns the bytes at an address that the code under test passes. Default: the memory of this process. */
  readonly resolve?: (address: bigint, length: number) => Uint8Array;
  /** See {@linkcode Netdev.adopted}. Default: false. */
  readonly adopted?: boolean;
}

/** A written frame. */
export interface WrittenFrame {
  /** Undefined for a frame of `writeBytes()`; the address of the first piece of a gathered frame. */
  readonly address: bigint | undefined;
  /** A copy of the frame, starting with the virtio header. */
  readonly bytes: Uint8Array;
}

/** A {@linkcode Netdev} driven by a test. */
export class FakeNetdev implements Netdev {
  readonly name: string;
  readonly ifindex: number;
  readonly config: FakeConfig;
  readonly nextHopSource = "routes";
  /** The table that a next-hop program would fill. */
  readonly prefixTable = new Uint8Array(GATEWAY_PREFIXES_LENGTH);
  readonly gatewayPrefixes = new GatewayPrefixes((table) =>
    table.set(this.prefixTable)
  );
  /** Written frames, oldest first. */
  readonly written: WrittenFrame[] = [];
  /** The members of {@linkcode status} that do not follow from the configuration. */
  kernelStatus: Omit<DeviceStatus, "flags" | "carrier" | "operState"> = {
    dormantMode: false,
    qdisc: "fq_codel",
    group: 0,
    txQueueLength: 1000,
    alias: undefined,
    addrGenMode: "eui64",
    promiscuity: 0,
    allmulti: 0,
    minMtu: 68,
    maxMtu: 65521,
    limits: { "num_tx_queues": 1, "gso_max_size": 65536 },
    queueDrops: 0,
    forwardsIpv6: false,
  };
  /** Result of `kernelAddresses()`. */
  addressTable: KernelAddress[] = [];
  /** Arguments of the calls of `setAddress()` and `addRoute()`. */
  readonly addressesSet: NewAddress[] = [];
  readonly routesAdded: DeviceRoute[] = [];
  /** Arguments of the calls of `change()`. */
  readonly changes: LinkChanges[] = [];
  /** Records calls of `addLinkLocal()` and `deleteLinkLocal()`, as `+fe80::1` and `-fe80::1`. */
  readonly linkLocals: string[] = [];
  /** Speed in Mbit/s. */
  speed = 0;
  takesUdpFrames = true;
  readonly adopted: boolean;
  /** Bits that `setOffloads()` may enable, and those that are enabled. */
  kernelOffloads = 0xff;
  offloads = 0;
  readonly kernelFeatures: Record<KernelFeature, boolean> = {
    ...KERNEL_FEATURES,
  };
  /** Every write has its result at once. */
  readonly writing = 0;
  paused = false;
  closed = false;
  /** Times of the `noteReport()` calls. */
  readonly reports: Millis[] = [];
  /** A positive errno with which every write fails, or 0. */
  writeError = 0;
  onFrames: (batch: FrameBatch) => void = () => {};
  onWritten: (frames: number, bytes: number, packets: number) => void =
    () => {};
  onRefused: (errno: number, packets: number) => void = () => {};
  onReadFailed: (errno: number) => void = () => {};
  readonly #observers = new Listeners<Parameters<FrameListener>>();
  readonly #batch = new FrameBatch(1);
  readonly #memory: FrameMemory | undefined;
  readonly #queue: Uint8Array[] = [];
  readonly #resolve: (address: bigint, length: number) => Uint8Array;

  constructor(options: FakeOptions = {}) {
    this.config = new FakeConfig(options);
    this.name = this.config.name;
    this.ifindex = this.config.ifindex;
    this.adopted = options.adopted ?? false;
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
      this.#observers.call("sent", frame);
      this.onFrames(this.#batch);
    }
  }

  /** Returns and removes the frames written so far. */
  takeWritten(): Uint8Array[] {
    return this.written.splice(0).map(({ bytes }) => bytes);
  }

  write(address: bigint, length: number): void {
    const taken = this.#take(address, length, this.#resolve(address, length));
    if (taken < 0) this.onRefused(-taken, 1);
    else this.onWritten(1, length, 1);
  }

  writeGathered({ vectors, pieces, packets, bytes }: GatheredFrame): void {
    const view = new DataView(vectors.buffer);
    const addresses: bigint[] = [];
    const joined: number[] = [];
    for (let at = 0; at < pieces * IOVEC_LENGTH; at += IOVEC_LENGTH) {
      const address = view.getBigUint64(at, true);
      const length = Number(view.getBigUint64(at + 8, true));
      addresses.push(address);
      joined.push(...this.#resolve(address, length));
    }
    const frame = Uint8Array.from(joined);
    const taken = this.#take(addresses[0], frame.length, frame);
    if (taken < 0) this.onRefused(-taken, packets);
    else this.onWritten(1, bytes, packets);
  }

  observeFrames(listener: FrameListener): () => void {
    return this.#observers.add(listener);
  }

  writeBytes(frame: Uint8Array): number {
    return this.#take(undefined, frame.length, frame);
  }

  resume(): void {
    this.paused = false;
    this.deliver();
  }

  /** The carrier state of the device. */
  get carrier(): boolean {
    return this.config.carrier;
  }

  /** Does not call the listeners, as the kernel reports the change later. */
  setCarrier(on: boolean): void {
    this.config.carrier = on;
  }

  setSpeed(mbps: number): void {
    this.speed = mbps;
  }

  setOffloads(bits: number): number {
    return this.offloads = bits & this.kernelOffloads;
  }

  setKernelFeature(feature: KernelFeature, on: boolean): void {
    this.kernelFeatures[feature] = on;
  }

  status(): DeviceStatus {
    const { up, carrier } = this.config;
    const flags = Iff.Broadcast | Iff.Multicast | (up ? Iff.Up : 0) |
      (up && carrier ? Iff.LowerUp : 0);
    const operState = up && carrier ? IF_OPER_UP : IF_OPER_DOWN;
    return { ...this.kernelStatus, flags, carrier, operState };
  }

  kernelAddresses(): KernelAddress[] {
    return this.addressTable;
  }

  /** Records the address. Does not change the configuration. */
  setAddress(address: NewAddress): void {
    this.addressesSet.push(address);
  }

  routes(): DeviceRoute[] {
    return this.routesAdded;
  }

  addRoute(route: DeviceRoute): void {
    this.routesAdded.push(route);
  }

  /** Does not call the listeners: the kernel's event has nothing new. A change by another program: `setLink`. */
  setMtu(mtu: number): void {
    this.config.mtuWasSet(mtu);
  }

  /** Records the changes, and sets name, administrative state and queue length. */
  change(changes: LinkChanges): void {
    const { up, name, txQueueLength } = changes;
    this.changes.push(changes);
    if (txQueueLength !== undefined) {
      this.kernelStatus = { ...this.kernelStatus, txQueueLength };
    }
    this.config.setLink({
      ...(up === undefined ? {} : { up }),
      ...(name === undefined ? {} : { name }),
    });
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
    this.#observers.call("received", frame);
    if (!this.config.neighbours.take(frame)) {
      this.written.push({ address, bytes: frame });
    }
    return length;
  }
}
