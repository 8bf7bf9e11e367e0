/**
 * A fabric without a library, for unit tests: ports of one process over plain memory.
 *
 * It needs no FFI permission: addresses are numbers that {@linkcode FakeFabric.resolve} maps to bytes, so a
 * netdev that takes such a function (netdev/fake.ts) reads and writes where the real one would. A received packet lies in
 * its sender's slot, which is free again when the receiver released it, as with the embedded HCA.
 *
 * Nothing moves by itself: posted packets are delivered by `flush()`, MADs and what else was put off by
 * {@linkcode FakeFabric.settle}. Who answers MADs is the test's affair ({@linkcode FakeFabric.onMad}): a subnet
 * manager or a script. Use that a real HCA would punish (a slot posted twice, a handle used after its end) is noted in
 * {@linkcode FakeFabric.misuse}.
 */

import { Listeners } from "../base/listeners.ts";
import { ENCAP_LENGTH } from "../base/units.ts";
import { ETHERNET_HEADER_LENGTH } from "../wire/ethernet.ts";
import { FIRST_MLID } from "../wire/lrh.ts";
import type { MadAddress } from "../wire/mad.ts";
import { GsoType, VNET_HEADER_LENGTH } from "../wire/vnet.ts";
import { FakeAddressHandle } from "./fake_address_handle.ts";
import { type FakeSendMemory, LAYOUT, STRIDE, whereIs } from "./fake_memory.ts";
import {
  type Completion,
  type FakePortOptions,
  FakeTransport,
  type PostedPacket,
} from "./fake_transport.ts";
import { FakeUdQp } from "./fake_ud_qp.ts";
import type {
  AddressHandle,
  AddressHandleAttributes,
  HcaPort,
  MadAgent,
  PortAttributes,
  PortEvent,
  QueuePairOptions,
  TappedPacket,
} from "./hca.ts";
import { MadAgents } from "./mad_agents.ts";

export type { FakePortOptions, PostedPacket } from "./fake_transport.ts";

const FIRST_QPN = 0x48;
const MAX_ROUNDS = 10_000;

/** Ports, the switches between them, and the way of MADs. */
export class FakeFabric {
  readonly ports: FakePort[] = [];
  /** The switches' multicast forwarding: LIDs behind each MLID. */
  readonly groups = new Map<number, readonly number[]>();
  /** What a real HCA would not forgive. */
  readonly misuse: string[] = [];
  /** Takes each MAD that a port sends, a copy. */
  onMad: (from: FakePort, mad: Uint8Array, to: MadAddress) => void = () => {};
  /** True for packets that the fabric loses on the way to a port. */
  lose: (packet: PostedPacket, to: FakePort) => boolean = () => false;
  readonly #later: (() => void)[] = [];

  addPort(options: FakePortOptions = {}): FakePort {
    const port = new FakePort(this, this.ports.length + 1, options);
    this.ports.push(port);
    return port;
  }

  /** The bytes at an address of `vnetAddress`. */
  resolve(address: bigint, length: number): Uint8Array {
    const { index, at } = whereIs(address, length);
    const port = this.ports[index - 1];
    if (!port) throw new RangeError(`Nothing lies at ${address}`);
    return port.send.bytes.subarray(at, at + length);
  }

  /** Does `action` in the next round of {@linkcode settle}. */
  later(action: () => void): void {
    this.#later.push(action);
  }

  /** Delivers everything under way, and what follows from it. */
  settle(): void {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const actions = this.#later.splice(0);
      for (const action of actions) action();
      let busy = actions.length > 0;
      for (const port of this.ports) {
        if (port.busy) busy = true;
        port.flush();
      }
      if (!busy) return;
    }
    throw new Error("The fabric does not settle");
  }
}

/** A port; see {@linkcode HcaPort} for what is not documented here. */
export class FakePort extends FakeTransport implements HcaPort {
  readonly fabric: FakeFabric;
  readonly qps = new Map<number, FakeUdQp>();
  closed = false;
  readonly #agents = new MadAgents(
    (mad, to) => {
      const copy = mad.slice();
      this.fabric.later(() => this.fabric.onMad(this, copy, to));
    },
    () => this.counted.add("mads_no_agent"),
  );
  readonly #events = new Listeners<[PortEvent]>();
  readonly #credit = new Listeners<[]>();
  #nextQpn = FIRST_QPN;

  constructor(fabric: FakeFabric, index: number, options: FakePortOptions) {
    super(index, options, fabric.misuse);
    this.fabric = fabric;
  }

  /** True if `flush()` has something to do. */
  get busy(): boolean {
    return this.pending.length > 0 || this.#owesCredit;
  }

  get #owesCredit(): boolean {
    const { starved, free, withhold } = this.send;
    return starved && free > 0 && withhold === "nothing";
  }

  /** Changes attributes and tells the listeners. */
  emit(event: PortEvent, attributes: Partial<PortAttributes> = {}): void {
    this.set(attributes);
    this.#events.call(event);
  }

  openSendMemory(): FakeSendMemory {
    return this.send;
  }

  closeSendMemory(): void {}

  createUdQp(options: QueuePairOptions): FakeUdQp {
    return new FakeUdQp(this, this.qps, this.#nextQpn++, options);
  }

  createAddressHandle(attributes: AddressHandleAttributes): AddressHandle {
    return new FakeAddressHandle(attributes, this.fabric.misuse);
  }

  openMadAgent(mgmtClass: number): MadAgent {
    return this.#agents.open(mgmtClass);
  }

  /** A MAD arrives. */
  receiveMad(mad: Uint8Array, from: MadAddress): void {
    this.#agents.deliver(mad, from);
  }

  /** Delivers what was posted; then tells of free slots if somebody asked in vain. */
  flush(): void {
    for (const pending of this.pending.splice(0)) this.#deliver(pending);
    if (!this.#owesCredit) return;
    this.send.starved = false;
    this.#credit.call();
  }

  onCredit(listener: () => void): () => void {
    return this.#credit.add(listener);
  }

  onEvent(listener: (event: PortEvent) => void): () => void {
    return this.#events.add(listener);
  }

  tap(listener: (packet: TappedPacket) => void): () => void {
    return this.taps.add(listener);
  }

  counters(): Record<string, number> {
    return this.counted.snapshot();
  }

  close(): void {
    this.closed = true;
    for (const qp of [...this.qps.values()]) qp.close();
  }

  /** Sends bytes that need not make sense. */
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

  #deliver({ packet, slot, length }: Completion): void {
    const { fabric } = this;
    const { dlid } = packet.handle;
    const lids = packet.multicast ? fabric.groups.get(dlid) ?? [] : [dlid];
    for (const port of fabric.ports) {
      if (!lids.includes(port.attributes.lid) || port.closed) continue;
      if (!fabric.lose(packet, port)) port.arrive({ packet, slot, length });
    }
    this.send.unref(slot);
  }

  /** A packet reaches this port: checked in simple form, as `soft/inbound.ts` does. */
  arrive(completion: Completion): void {
    const { packet, length } = completion;
    if (!this.#fits(packet, length)) {
      this.counted.add("bad_length");
      return;
    }
    const all = [...this.qps.values()];
    const listeners = packet.multicast
      ? all.filter((qp) => qp.listensTo(packet.handle))
      : all.filter(({ qpn }) => qpn === packet.destQpn);
    if (listeners.length === 0) {
      this.counted.add(packet.multicast ? "multicast_filtered" : "bad_qpn");
    }
    for (const qp of listeners) qp.take(completion);
  }

  #fits({ vnet }: PostedPacket, length: number): boolean {
    if (length < 1) return false;
    if (length + ENCAP_LENGTH <= this.attributes.activeMtu) return true;
    const view = new DataView(vnet.buffer, vnet.byteOffset, vnet.byteLength);
    return view.getUint8(1) !== GsoType.None && view.getUint16(4, true) > 0;
  }
}
