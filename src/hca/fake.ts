/**
 * A fabric for unit tests: ports in one process over ordinary buffers, without a library.
 *
 * It needs no FFI permission. Addresses are invented numbers that {@linkcode FakeFabric.resolve} maps to bytes; the
 * fake netdev (netdev/fake.ts) reads and writes frames through it. As with the embedded HCA, a received packet stays in
 * its sender's slot, which is free again after the receiver has released it.
 *
 * Nothing is delivered without a call: `flush()` delivers posted packets, and {@linkcode FakeFabric.settle} also runs
 * deferred actions, such as the delivery of MADs. The test supplies the receiver of MADs
 * ({@linkcode FakeFabric.onMad}), for example a subnet manager. Misuse that would fail on a real HCA, such as posting a
 * slot that is not reserved or using a destroyed address handle, is recorded in {@linkcode FakeFabric.misuse}.
 */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { Listeners } from "../base/listeners.ts";
import { ENCAP_LENGTH } from "../base/units.ts";
import { ETHERNET_HEADER_LENGTH } from "../wire/ethernet.ts";
import { FIRST_MLID } from "../wire/lrh.ts";
import { type MadAddress, MadView } from "../wire/mad.ts";
import { GsoType, VNET_HEADER_LENGTH } from "../wire/vnet.ts";
import type { Reactor } from "../system/reactor.ts";
import type {
  AddressHandle,
  AddressHandleAttributes,
} from "./address_handle.ts";
import { FakeAddressHandle } from "./fake_address_handle.ts";
import {
  type FakeSendMemory,
  LAYOUT,
  locateFrame,
  STRIDE,
} from "./fake_memory.ts";
import {
  type Completion,
  type FakePortOptions,
  FakeTransport,
  type PostedPacket,
} from "./fake_transport.ts";
import { FakeRcQp } from "./fake_rc_qp.ts";
import { FakeUdQp } from "./fake_ud_qp.ts";
import type { HcaPort, MadAgent, PortEvent } from "./hca.ts";
import { deviceLost, lostAttributes, LostDevice } from "./lost_device.ts";
import { MadAgents } from "./mad_agents.ts";
import { noConnections } from "./no_connections.ts";
import type { PortAttributes } from "./port_attributes.ts";
import type { RcQpOptions } from "./rc_qp.ts";
import type { ObservedMad, ObservedPacket } from "./observed.ts";
import type { QueuePairOptions } from "./ud_qp.ts";

export type { FakePortOptions, PostedPacket } from "./fake_transport.ts";

const FIRST_QPN = 0x48;
const MAX_ROUNDS = 10_000;

/** The ports and the switches between them. */
export class FakeFabric {
  readonly ports: FakePort[] = [];
  /** Multicast forwarding table of the switches: the port LIDs of each MLID. */
  readonly groups = new Map<number, readonly number[]>();
  /** Recorded misuse, one message each; a test expects none. */
  readonly misuse: string[] = [];
  /** Called by {@linkcode settle} with a copy of each MAD that a port has sent. */
  onMad: (from: FakePort, mad: Uint8Array, to: MadAddress) => void = () => {};
  /** Returns true if the fabric drops the packet on the way to the port. */
  lose: (packet: PostedPacket, to: FakePort) => boolean = () => false;
  readonly #deferred: (() => void)[] = [];

  /** Adds a port, with index 1 for the first. */
  addPort(options: FakePortOptions = {}): FakePort {
    const port = new FakePort(this, this.ports.length + 1, options);
    this.ports.push(port);
    return port;
  }

  /**
   * Returns the `length` bytes at an address of `vnetAddress`, or at the address of a part of a packet. Throws a
   * RangeError for any other address.
   */
  resolve(address: bigint, length: number): Uint8Array {
    const { index, at } = locateFrame(address, length);
    const port = this.ports[index - 1];
    if (!port) throw new RangeError(`No port has memory at ${address}`);
    return port.send.bytes.subarray(at, at + length);
  }

  /** Runs `action` in the next round of {@linkcode settle}. */
  defer(action: () => void): void {
    this.#deferred.push(action);
  }

  /** Runs deferred actions and flushes all ports until nothing is left to do. Throws if that never happens. */
  settle(): void {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const actions = this.#deferred.splice(0);
      for (const action of actions) action();
      let busy = actions.length > 0;
      for (const port of this.ports) {
        if (port.busy) busy = true;
        port.flush();
      }
      if (!busy) return;
    }
    throw new Error(`The fabric is still busy after ${MAX_ROUNDS} rounds`);
  }
}

/** A port of the fake fabric; see also {@linkcode HcaPort}. */
export class FakePort extends FakeTransport implements HcaPort {
  readonly fabric: FakeFabric;
  readonly qps = new Map<number, FakeUdQp>();
  /** The address handles that are not destroyed. */
  readonly handles = new Set<FakeAddressHandle>();
  closed = false;
  /** Returns true if a lost device exists again. The port then opens it, unless {@linkcode onCall} refuses that. */
  deviceExists: () => boolean = () => false;
  /** The attributes with which a lost device returns, if they are others than before. */
  returning: Partial<PortAttributes> = {};
  #lostDevice: LostDevice | undefined;
  #lossReason = "";
  /** The attributes before the last loss of the device. */
  #intact: PortAttributes | undefined;
  readonly #agents = new MadAgents(
    (mad, to) => {
      const copy = mad.slice();
      const { grhRequired } = this.attributes;
      const errno = this.madErrno ||
        (grhRequired && !to.grh ? Errno.EINVAL : 0);
      if (this.lost) return;
      this.fabric.defer(() => {
        if (errno === 0) this.fabric.onMad(this, copy, to);
        else this.#refuse(copy, errno);
      });
    },
    () => this.counted.add("mads_no_agent"),
  );
  readonly #events = new Listeners<[PortEvent]>();
  readonly #credit = new Listeners<[]>();
  #nextQpn: number;

  constructor(fabric: FakeFabric, index: number, options: FakePortOptions) {
    super(index, options, fabric.misuse);
    this.fabric = fabric;
    this.#nextQpn = options.firstQpn ?? FIRST_QPN;
  }

  /** True if `flush()` has packets to deliver or listeners to notify of free slots. */
  get busy(): boolean {
    return this.pending.length > 0 || this.#creditDue;
  }

  get #creditDue(): boolean {
    const { starved, free, withhold } = this.send;
    return starved && free > 0 && withhold === "nothing";
  }

  /** Changes attributes and calls the event listeners. A lost device raises no events, and returns with the changes. */
  emit(event: PortEvent, attributes: Partial<PortAttributes> = {}): void {
    if (this.lost) {
      this.#intact = { ...this.#intact!, ...attributes };
      return;
    }
    this.set(attributes);
    this.#events.call(event);
  }

  /** True while the device is lost. */
  get lost(): boolean {
    return this.attributes.lost !== undefined;
  }

  /** Loses the device. Records queue pairs and address handles that the listeners leave open as misuse. */
  lose(reactor: Pick<Reactor, "clock" | "timer">, reason: string): void {
    this.#lostDevice ??= new LostDevice({
      reactor,
      exists: () => this.deviceExists(),
      onAbsent: () => {},
      open: (opened, failed) => this.#reopen(opened, failed),
      onRefused: (why) => this.#setLost(`${this.#lossReason}; refused: ${why}`),
    });
    this.#intact = this.attributes;
    this.#lossReason = reason;
    this.#setLost(reason);
    const left = this.qps.size + this.rcQps.size + this.handles.size;
    if (left > 0) this.misuse.push(`${left} objects are on a lost device`);
    for (const { slot } of this.pending.splice(0)) this.send.unref(slot);
    this.#lostDevice.begin();
  }

  #setLost(reason: string): void {
    this.attributes = lostAttributes(this.#intact!, reason);
    this.#events.call({ type: "device_lost" });
  }

  #reopen(opened: () => void, failed: (error: IpoibError) => void): void {
    try {
      this.onCall("open");
    } catch (error) {
      return failed(IpoibError.from(error));
    }
    this.attributes = { ...this.#intact!, ...this.returning };
    opened();
    this.#events.call({ type: "device_returned" });
  }

  /** Throws `E_MEMLOCK` as the port of a device does (system/locked_memory.ts). */
  #checkMemory(packets: number): void {
    let needed = packets;
    for (const { capacity } of this.qps.values()) needed += capacity;
    if (needed <= this.lockedPackets) return;
    throw new IpoibError(
      "E_MEMLOCK",
      `Too little locked memory: ${needed} packets are needed, ${this.lockedPackets} are allowed`,
      { errno: Errno.ENOMEM, hint: "raise the limit" },
    );
  }

  #checkDevice(): void {
    if (this.lost) throw deviceLost(this.attributes.device);
  }

  openSendMemory(): FakeSendMemory {
    return this.send;
  }

  closeSendMemory(): void {}

  createUdQp(options: QueuePairOptions): FakeUdQp {
    this.#checkDevice();
    this.onCall("createUdQp");
    this.#checkMemory(options.recvQueueSize);
    return new FakeUdQp(this, this.qps, this.#nextQpn++, options);
  }

  createRcQp(options: RcQpOptions): FakeRcQp {
    if (this.attributes.capabilities.connectionManagement !== true) {
      throw noConnections(this.attributes);
    }
    if (this.rcQps.size >= this.maxRcQps) {
      throw new IpoibError("E_QP", "The fake device has no more queue pairs", {
        errno: Errno.ENOSPC,
      });
    }
    this.#checkDevice();
    this.onCall("createRcQp");
    return new FakeRcQp(this, this.#nextQpn++, options);
  }

  createAddressHandle(attributes: AddressHandleAttributes): AddressHandle {
    this.#checkDevice();
    this.onCall("createAddressHandle");
    this.checkGrh(attributes);
    return new FakeAddressHandle(attributes, this.misuse, this.handles);
  }

  openMadAgent(mgmtClass: number): MadAgent {
    return this.#agents.open(mgmtClass);
  }

  /** Delivers a MAD to the agent of its class. */
  receiveMad(mad: Uint8Array, from: MadAddress): void {
    if (!this.lost) this.#agents.deliver(mad, from);
  }

  /** Delivers the posted packets, then calls the credit listeners if slots are free after a failed `reserve`. */
  flush(): void {
    for (const pending of this.pending.splice(0)) this.#deliver(pending);
    if (!this.#creditDue) return;
    this.send.starved = false;
    this.#credit.call();
  }

  onCredit(listener: () => void): () => void {
    return this.#credit.add(listener);
  }

  onEvent(listener: (event: PortEvent) => void): () => void {
    return this.#events.add(listener);
  }

  observe(listener: (packet: ObservedPacket) => void): () => void {
    return this.observers.add(listener);
  }

  observeMads(listener: (mad: ObservedMad) => void): () => void {
    return this.#agents.observe(listener);
  }

  counters(): Record<string, number> {
    return this.counted.snapshot();
  }

  close(): void {
    this.closed = true;
    this.#lostDevice?.close();
    for (const qp of [...this.qps.values()]) qp.close();
  }

  /** Sends a packet with arbitrary fields and bytes, without a queue pair. Returns false if no slot is free. */
  inject(
    packet:
      & Partial<Omit<PostedPacket, "handle">>
      & Pick<PostedPacket, "handle" | "payload">,
  ): boolean {
    const slot = this.send.reserve();
    if (slot < 0) return false;
    const base = slot * STRIDE;
    const full: PostedPacket = {
      from: this,
      sourceQpn: 2,
      multicast: packet.handle.dlid >= FIRST_MLID,
      destQpn: 0xffffff,
      qkey: 0,
      pkey: this.attributes.pkeys[0] ?? 0,
      encap: 0,
      vnet: new Uint8Array(VNET_HEADER_LENGTH),
      ethernet: new Uint8Array(ETHERNET_HEADER_LENGTH),
      ...packet,
    };
    this.send.view.setInt32(base + LAYOUT.encap, full.encap);
    this.send.bytes.set(full.vnet, base + LAYOUT.vnet);
    this.send.bytes.set(full.ethernet, base + LAYOUT.ethernet);
    this.send.bytes.set(full.payload, base + LAYOUT.payload);
    this.transmit(full, slot, full.payload.length);
    return true;
  }

  #refuse(mad: Uint8Array, errno: number): void {
    const { mgmtClass, transactionIdLow } = MadView.of(mad);
    this.#agents.sendFailed(mgmtClass, transactionIdLow, errno);
  }

  #deliver(completion: Completion): void {
    const { packet, slot, length } = completion;
    const { fabric } = this;
    const { dlid } = packet.handle;
    if (packet.connection) {
      this.#deliverConnected(completion);
      return;
    }
    const lids = packet.multicast ? fabric.groups.get(dlid) ?? [] : [dlid];
    for (const port of fabric.ports) {
      const away = port.closed || port.lost;
      if (away || !lids.some((lid) => port.hasLid(lid))) continue;
      if (!fabric.lose(packet, port)) port.receive({ packet, slot, length });
    }
    this.send.unref(slot);
  }

  #deliverConnected(completion: Completion): void {
    const { packet, slot } = completion;
    const { connection, destQpn, handle } = packet;
    const { fabric } = this;
    const to = fabric.ports.find((port) =>
      port.hasLid(handle.dlid) && !port.closed && !port.lost
    );
    const target = to?.rcQps.get(destQpn);
    const failure = !to || !target || fabric.lose(packet, to)
      ? "retry_exceeded"
      : target.receive(completion);
    if (failure) fabric.defer(() => connection!.fail(failure));
    this.send.unref(slot);
  }

  /** Receives a packet at this port: checks it as `soft/inbound.ts` does, in a simplified form. */
  receive(completion: Completion): void {
    const { packet, length } = completion;
    if (!this.#fits(packet, length)) {
      this.counted.add("bad_length");
      return;
    }
    const all = [...this.qps.values()];
    const receivers = packet.multicast
      ? all.filter((qp) => qp.isAttachedTo(packet.handle))
      : all.filter(({ qpn }) => qpn === packet.destQpn);
    if (receivers.length === 0) {
      this.counted.add(packet.multicast ? "multicast_filtered" : "bad_qpn");
    }
    for (const qp of receivers) qp.receive(completion);
  }

  #fits({ vnet }: PostedPacket, length: number): boolean {
    if (length < 1) return false;
    if (length + ENCAP_LENGTH <= this.attributes.activeMtu) return true;
    const view = new DataView(vnet.buffer, vnet.byteOffset, vnet.byteLength);
    return view.getUint8(1) !== GsoType.None && view.getUint16(4, true) > 0;
  }
}
