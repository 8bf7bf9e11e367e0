/**
 * A fabric without a library, for unit tests: ports of one process over plain memory.
 *
 * It needs no FFI permission: addresses are numbers that {@linkcode FakeFabric.resolve} maps to octets, so a
 * netdev that takes such a function (netdev/fake.ts) reads and writes where the real one would. A received packet lies in
 * its sender's slot, which is free again when the receiver released it, as with the embedded HCA.
 *
 * Nothing moves by itself: posted packets are delivered by `flush()`, MADs and what else was put off by
 * {@linkcode FakeFabric.settle}. Who answers MADs is the test's affair ({@linkcode FakeFabric.onMad}): a subnet
 * manager or a script. Use that a real HCA would punish (a slot posted twice, a handle used after its end) is noted in
 * {@linkcode FakeFabric.misuse}.
 */

import { FIRST_MLID } from "../wire/lrh.ts";
import { Counters } from "../base/counters.ts";
import { Listeners } from "../base/listeners.ts";
import { ENCAP_LENGTH, ibMtuBytes, type IbMtuCode } from "../base/units.ts";
import { DEFAULT_SUBNET_PREFIX, gidFrom } from "../wire/gid.ts";
import { ETHERNET_HEADER_LENGTH } from "../wire/ethernet.ts";
import { GsoType, VNET_HEADER_LENGTH } from "../wire/vnet.ts";
import {
  FakeSendMemory,
  LAYOUT,
  memoryAddress,
  STRIDE,
  whereIs,
} from "./fake_memory.ts";
import { type Completion, FakeAddressHandle, FakeUdQp } from "./fake_ud_qp.ts";
import {
  type AddressHandle,
  type AddressHandleAttributes,
  type HcaPort,
  type MadAddress,
  type MadAgent,
  type PortAttributes,
  type PortEvent,
  PostResult,
  type TappedPacket,
  type UdQpOptions,
} from "./hca.ts";
import { MadAgents } from "./mad_agents.ts";
import { Taps } from "./taps.ts";

const FIRST_QPN = 0x48;
const MAX_ROUNDS = 10_000;
const MTU_2048 = 4 as IbMtuCode;

/** What {@linkcode FakePort.counters} has, with the embedded HCA's names. */
const counterNames = [
  "xmit_packets",
  "rcv_packets",
  "pkey_violations",
  "qkey_violations",
  "bad_qpn",
  "bad_length",
  "multicast_filtered",
  "rcv_no_buffer",
  "mads_no_agent",
] as const;

/** A packet that was posted, copied at that moment. */
export interface PostedPacket {
  readonly from: FakePort;
  readonly sourceQpn: number;
  readonly handle: AddressHandleAttributes;
  readonly multicast: boolean;
  readonly destQpn: number;
  /** As it goes out: already that of the queue pair if bit 31 asked for it. */
  readonly qkey: number;
  readonly pkey: number;
  /** The IPoIB header's word. */
  readonly encap: number;
  readonly vnet: Uint8Array;
  readonly ethernet: Uint8Array;
  readonly payload: Uint8Array;
}

interface Pending {
  readonly packet: PostedPacket;
  readonly slot: number;
  readonly length: number;
}

/** How to make a {@linkcode FakePort}. */
export interface FakePortOptions {
  guid?: bigint;
  lid?: number;
  slots?: number;
  state?: PortAttributes["state"];
  pkeys?: readonly number[];
  mtuCode?: IbMtuCode;
  /** Its queue pairs' batches have no frame headers, as those of a real HCA. */
  headersMissing?: boolean;
}

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

  /** The octets at an address of `vnetAddress`. */
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
export class FakePort implements HcaPort {
  readonly fabric: FakeFabric;
  readonly send: FakeSendMemory;
  readonly counted = new Counters(counterNames);
  /** Everything that was posted, oldest first. */
  readonly posted: PostedPacket[] = [];
  readonly qps = new Map<number, FakeUdQp>();
  /** What every post is answered with, if not `Sent`. */
  postResult: PostResult = PostResult.Sent;
  attributes: PortAttributes;
  closed = false;
  /** True for a device without moderation. */
  refusesModeration = false;
  readonly headersMissing: boolean;
  readonly taps = new Taps();
  readonly #pending: Pending[] = [];
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
    this.fabric = fabric;
    this.send = new FakeSendMemory(
      memoryAddress(index),
      options.slots ?? 16,
      fabric.misuse,
    );
    this.headersMissing = options.headersMissing ?? false;
    const mtuCode = options.mtuCode ?? MTU_2048;
    const portGuid = options.guid ?? 0x0002_c903_0000_0000n + BigInt(index);
    this.attributes = {
      device: "fake",
      port: index,
      linkLayer: "infiniband",
      state: options.state ?? "active",
      physState: "LinkUp",
      lid: options.lid ?? 0x10 + index,
      lmc: 0,
      smLid: 1,
      smSl: 0,
      portGuid,
      subnetPrefix: DEFAULT_SUBNET_PREFIX,
      gid: gidFrom(DEFAULT_SUBNET_PREFIX, portGuid),
      maxMtu: ibMtuBytes(mtuCode)!,
      activeMtu: ibMtuBytes(mtuCode)!,
      activeMtuCode: mtuCode,
      activeWidth: 4,
      laneMbps: 25_000,
      rateCode: 16,
      pkeys: options.pkeys ?? [0xffff],
      firmware: "0",
      busInfo: "fake",
      capabilities: {
        transmitChecksum: true,
        receiveChecksum: true,
        segmentation: "deferred",
        scatterGatherEntries: 1,
        connectionManagement: "the fake fabric has no connections",
      },
    };
  }

  /** True if `flush()` has something to do. */
  get busy(): boolean {
    return this.#pending.length > 0 || this.#owesCredit;
  }

  get #owesCredit(): boolean {
    const { starved, free, withhold } = this.send;
    return starved && free > 0 && withhold === "nothing";
  }

  /** Changes attributes without a word. */
  set(attributes: Partial<PortAttributes>): void {
    this.attributes = { ...this.attributes, ...attributes };
  }

  /** Changes attributes and tells the listeners. */
  emit(event: PortEvent, attributes: Partial<PortAttributes> = {}): void {
    this.set(attributes);
    this.#events.call(event);
  }

  createUdQp(options: UdQpOptions): FakeUdQp {
    const qp = new FakeUdQp(this, this.#nextQpn++, options);
    this.qps.set(qp.qpn, qp);
    return qp;
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
    for (const pending of this.#pending.splice(0)) this.#deliver(pending);
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

  /** Puts a packet onto the fabric; for {@linkcode FakeUdQp.post}, and for tests that send what no engine would. */
  transmit(packet: PostedPacket, slot: number, length: number): void {
    this.posted.push(packet);
    this.#pending.push({ packet, slot, length });
    this.counted.add("xmit_packets");
  }

  /** Sends octets that need not make sense. */
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

  #deliver({ packet, slot, length }: Pending): void {
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
