/** {@linkcode Netdev} for a TAP, with the mirror of its configuration and the next-hop program. */

import { addLinkLocal, deleteLinkLocal } from "./rtnetlink/link_local.ts";
import type { IpAddress } from "../wire/ip_address.ts";
import { IpoibError } from "../base/errors.ts";
import type { Millis } from "../base/units.ts";
import type {
  FrameBatch,
  FrameMemory,
  FrameReader,
  FrameWriter,
  GatheredFrame,
} from "../system/frames.ts";
import { closeAll, duplicate, type Fd } from "../system/fd.ts";
import type { Reactor } from "../system/reactor.ts";
import type { MembershipSource } from "./memberships/kernel_memberships.ts";
import { FrameObservers } from "./frame_observers.ts";
import { GatewayPrefixes } from "./gateway_prefixes.ts";
import { ADDR_GEN_MODES } from "../base/addr_gen_mode.ts";
import type {
  DeviceRoute,
  DeviceStatus,
  FrameListener,
  KernelAddress,
  KernelFeature,
  LinkChanges,
  Netdev,
  NewAddress,
} from "./netdev.ts";
import {
  attachNextHopProgram,
  type NextHopProgram,
} from "./next_hop_program/next_hop_program.ts";
import { dumpKernelAddresses } from "./rtnetlink/address_dump.ts";
import { setAddress } from "./rtnetlink/address_set.ts";
import { RefusableRead } from "./refusable_read.ts";
import { addRoute, dumpRoutes } from "./rtnetlink/routes.ts";
import { ConfigMirror } from "./rtnetlink/mirror.ts";
import { getLink, type LinkInfo } from "./rtnetlink/link_message.ts";
import { setLink, setLinkMtu } from "./rtnetlink/link_set.ts";
import { setKernelFeature } from "./tap/kernel_features.ts";
import { type DeviceKeeper, deviceKeeper } from "./tap/keeper.ts";
import { openTap, type TapOptions } from "./tap/open_tap.ts";
import { setLinkSpeed } from "./tap/speed.ts";
import type { Tap } from "./tap/tap.ts";

const NO_KEEPER = deviceKeeper("none", undefined);

export interface NetdevOptions extends TapOptions {
  /** Source of multicast memberships. Default: `auto`. */
  readonly memberships?: MembershipSource | "auto";
  /**
   * Source of next hops: `program` for the BPF program (an error if it cannot be attached), `routes` for route lookups,
   * `auto` (the default) for the program if it can be attached, else route lookups.
   */
  readonly nextHops?: "auto" | "program" | "routes";
  /** Length of the kernel's transmit queue in packets. A TAP's default is 500. */
  readonly txQueueLength?: number;
  /** Memory into which frames are read. */
  readonly memory: FrameMemory;
  /** A device to use instead of a new one; its ownership is transferred unless `openNetdev()` throws. */
  readonly device?: TapDevice;
  /** Keeps the device if this process ends unexpectedly. Default: it is not kept. */
  readonly keeper?: DeviceKeeper;
  /**
   * Closes the descriptors of the device, in this order. With the first one, the kernel deletes the device, for which it
   * may wait some 50 ms. Default: closes them at once.
   */
  readonly closeDescriptors?: (descriptors: readonly number[]) => void;
}

/** A TAP, and its next-hop program or the text for {@linkcode Netdev.nextHopSource}. */
export interface TapDevice {
  readonly tap: Tap;
  readonly program: NextHopProgram | string;
}

/** A {@linkcode Netdev} with a TAP. */
export class TapNetdev implements Netdev {
  readonly tap: Tap;
  readonly config: ConfigMirror;
  readonly nextHopSource: string;
  readonly gatewayPrefixes: GatewayPrefixes;
  readonly takesUdpFrames: boolean;
  readonly adopted: boolean;
  readonly #program: NextHopProgram | undefined;
  readonly #closeDescriptors: (descriptors: readonly number[]) => void;
  readonly #keeper: DeviceKeeper;
  #released = false;
  /** The kernel's count of the queue's drops when this process opened the device. */
  readonly #dropsBefore: number;
  /** Number of the queue's drops that was last read. */
  #queueDrops = 0;
  readonly #reads = new RefusableRead();
  /** State of the device that was last read. */
  #link: LinkInfo | undefined;
  readonly #reactor: Reactor;
  readonly #reader: FrameReader;
  readonly #writer: FrameWriter;
  readonly #observers = new FrameObservers();
  onFrames: (batch: FrameBatch) => void = () => {};
  onWritten: (frames: number, bytes: number, packets: number) => void =
    () => {};
  onRefused: (errno: number, packets: number) => void = () => {};
  onReadFailed: (errno: number) => void = () => {};

  constructor(
    reactor: Reactor,
    { tap, program }: TapDevice,
    config: ConfigMirror,
    { memory, keeper = NO_KEEPER, closeDescriptors = closeAll }: NetdevOptions,
  ) {
    this.tap = tap;
    this.config = config;
    const attached = typeof program !== "string";
    this.#program = attached ? program : undefined;
    this.nextHopSource = attached ? "program" : program;
    this.gatewayPrefixes = attached ? program.prefixes : new GatewayPrefixes();
    this.adopted = tap.adopted !== undefined;
    this.takesUdpFrames = tap.adopted?.takesUdpFrames ?? tap.takesUdpFrames();
    this.#closeDescriptors = closeDescriptors;
    this.#keeper = keeper;
    keeper.keep(tap);
    this.#dropsBefore = this.adopted ? this.#readLink()?.txDropped ?? 0 : 0;
    this.#reactor = reactor;
    this.#reader = reactor.readFrames(tap.fd, memory, {
      onFrames: (batch) => {
        if (this.#observers.active) this.#observers.read(batch, memory);
        this.onFrames(batch);
      },
      onFailed: (errno) => this.onReadFailed(errno),
      // The device was deleted, which the mirror reports.
      onEnd: () => {},
    });
    this.#writer = reactor.frameWriter(tap.fd, {
      onWritten: (frames, bytes, packets) =>
        this.onWritten(frames, bytes, packets),
      onRefused: (errno, packets) => this.onRefused(errno, packets),
    });
  }

  get name(): string {
    return this.tap.name;
  }

  get ifindex(): number {
    return this.config.ifindex;
  }

  write(address: bigint, length: number): void {
    if (this.#observers.active) this.#observers.written(address, length);
    this.#writer.write(address, length);
  }

  writeGathered(frame: GatheredFrame): void {
    if (this.#observers.active) this.#observers.writtenGathered(frame);
    this.#writer.writeGathered(frame);
  }

  get writing(): number {
    return this.#writer.pending;
  }

  writeBytes(frame: Uint8Array): number {
    if (this.#observers.active) this.#observers.writtenBytes(frame);
    return this.tap.writeBytes(frame);
  }

  observeFrames(listener: FrameListener): () => void {
    return this.#observers.add(listener);
  }

  resume(): void {
    this.#reader.resume();
  }

  setCarrier(on: boolean): void {
    this.tap.setCarrier(on);
  }

  setSpeed(mbps: number): void {
    setLinkSpeed(this.config.requests.fd, this.config.name, mbps);
  }

  setOffloads(bits: number): number {
    return this.tap.setOffloads(bits);
  }

  setKernelFeature(feature: KernelFeature, on: boolean): void {
    const { config } = this;
    setKernelFeature(config.requests.fd, config.name, feature, on);
  }

  /** If the device is gone, returns zeros, and the number of the queue's drops that was last read. */
  status(): DeviceStatus {
    const link = this.#readLink();
    if (link) this.#queueDrops = link.txDropped - this.#dropsBefore;
    return {
      flags: link?.flags ?? 0,
      carrier: link?.carrier ?? false,
      operState: link?.operState ?? 0,
      dormantMode: link?.linkMode === 1,
      qdisc: link?.qdisc ?? "",
      group: link?.group ?? 0,
      txQueueLength: link?.txQueueLength ?? 0,
      alias: link?.alias,
      addrGenMode: ADDR_GEN_MODES[link?.addrGenMode ?? -1],
      promiscuity: link?.promiscuity ?? 0,
      allmulti: link?.allmulti ?? 0,
      minMtu: link?.minMtu ?? 0,
      maxMtu: link?.maxMtu ?? 0,
      limits: link?.limits ?? {},
      queueDrops: this.#queueDrops,
      forwardsIpv6: link?.forwardsIpv6 ?? false,
    };
  }

  /** Returns the state of the device: the last one that was read, if the kernel refuses; undefined if it is gone. */
  #readLink(): LinkInfo | undefined {
    const { ifindex } = this;
    const read = this.#reads.attempt(
      ifindex,
      () => ({ link: getLink(this.config.requests, ifindex) }),
    );
    if (read) this.#link = read.link;
    return this.#link;
  }

  kernelAddresses(): KernelAddress[] {
    return dumpKernelAddresses(this.config.requests, this.ifindex);
  }

  setAddress(address: NewAddress): void {
    setAddress(this.config.requests, this.ifindex, address);
  }

  routes(): DeviceRoute[] {
    return dumpRoutes(this.config.requests, this.ifindex);
  }

  addRoute(route: DeviceRoute): void {
    addRoute(this.config.requests, this.ifindex, route);
  }

  /** Throws `E_LINK_SET` if the kernel refuses. */
  setMtu(mtu: number): void {
    setLinkMtu(this.config.requests, this.ifindex, mtu);
    this.config.mtuWasSet(mtu);
  }

  /** Throws `E_LINK_SET` if the kernel refuses. */
  change(changes: LinkChanges): void {
    setLink(this.config.requests, this.ifindex, changes);
  }

  addLinkLocal(address: IpAddress): void {
    addLinkLocal(this.config.requests, this.ifindex, address);
  }

  deleteLinkLocal(address: IpAddress): void {
    deleteLinkLocal(this.config.requests, this.ifindex, address);
  }

  noteReport(now: Millis): void {
    this.config.noteReport(now);
  }

  /**
   * Returns another descriptor of the device, which the caller owns, and with which the device outlives `close()`.
   * Throws `E_FCNTL`.
   */
  release(): Fd {
    const fd = duplicate(this.tap.fd);
    this.#released = true;
    return fd;
  }

  close(): void {
    if (!this.#released) this.#keeper.release(this.tap);
    this.#reader.stop();
    this.config.close();
    this.#writer.close();
    this.#reactor.submit();
    // The device first, because detaching a program from an existing device waits for an RCU grace period.
    this.#closeDescriptors([
      this.tap.release(),
      ...this.#program?.release() ?? [],
    ]);
  }
}

/** Creates a TAP and attaches the program. Throws the errors of {@linkcode openNetdev}. */
function openDevice(options: NetdevOptions): TapDevice {
  using parts = new DisposableStack();
  const tap = parts.use(openTap(options));
  const { nextHops, netns } = options;
  const program = openNextHopProgram(nextHops, tap, netns);
  parts.move();
  return { tap, program };
}

/** Attaches the program, or returns the text for `nextHopSource`. Throws only if `choice` is `program`. */
export function openNextHopProgram(
  choice: NetdevOptions["nextHops"],
  tap: Tap,
  netns: number | undefined,
): NextHopProgram | string {
  if (choice === "routes") return "routes";
  try {
    return attachNextHopProgram(tap.ifindex, netns);
  } catch (error) {
    if (choice === "program") throw error;
    const { message, hint } = IpoibError.from(error);
    return `routes (${message}${hint === undefined ? "" : `: ${hint}`})`;
  }
}

/**
 * Creates a network interface. Throws the errors of `openTap()`, `ConfigMirror`, `setLink()` and
 * `attachNextHopProgram()`.
 */
export function openNetdev(
  reactor: Reactor,
  options: NetdevOptions,
): TapNetdev {
  const { netns, memberships = "auto", txQueueLength } = options;
  using parts = new DisposableStack();
  const device = options.device ?? openDevice(options);
  const { tap, program } = device;
  if (!options.device) {
    parts.use(tap);
    if (typeof program !== "string") parts.use(program);
  }
  const config = parts.adopt(
    new ConfigMirror({
      reactor,
      netns,
      ifindex: tap.ifindex,
      memberships,
      locate: () => tap.locate(),
    }),
    (mirror) => mirror.close(),
  );
  if (txQueueLength !== undefined && !tap.adopted) {
    setLink(config.requests, tap.ifindex, { txQueueLength });
  }
  const netdev = new TapNetdev(reactor, device, config, options);
  parts.move();
  return netdev;
}
