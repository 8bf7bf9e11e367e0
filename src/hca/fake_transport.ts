/** What the queue pairs of a port of the fake fabric (fake.ts) work with: its memory, its attributes, and the packets that it sends. */

import { Counters } from "../base/counters.ts";
import { ibMtuBytes, type IbMtuCode } from "../base/units.ts";
import { DEFAULT_SUBNET_PREFIX, gidFrom } from "../wire/gid.ts";
import { FakeSendMemory, memoryAddress } from "./fake_memory.ts";
import {
  type AddressHandleAttributes,
  type PortAttributes,
  PostResult,
} from "./hca.ts";
import { Taps } from "./taps.ts";

const MTU_2048 = 4 as IbMtuCode;

/** What a port counts, with the embedded HCA's names. */
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
  readonly from: FakeTransport;
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

/** A packet on its way or at a port, in its sender's slot. */
export interface Completion {
  readonly packet: PostedPacket;
  readonly slot: number;
  readonly length: number;
}

/** How to make a a port. */
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

export class FakeTransport {
  readonly send: FakeSendMemory;
  readonly counted = new Counters(counterNames);
  readonly taps = new Taps();
  /** The fabric's. */
  readonly misuse: string[];
  /** Everything that was posted, oldest first. */
  readonly posted: PostedPacket[] = [];
  /** What was posted and not delivered. */
  readonly pending: Completion[] = [];
  /** What every post is answered with, if not `Sent`. */
  postResult: PostResult = PostResult.Sent;
  attributes: PortAttributes;
  /** True for a device without moderation. */
  refusesModeration = false;
  readonly headersMissing: boolean;

  constructor(index: number, options: FakePortOptions, misuse: string[]) {
    this.send = new FakeSendMemory(
      memoryAddress(index),
      options.slots ?? 16,
      misuse,
    );
    this.misuse = misuse;
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
      gid: gidFrom(DEFAULT_SUBNET_PREFIX, portGuid),
      maxMtu: ibMtuBytes(mtuCode)!,
      activeMtu: ibMtuBytes(mtuCode)!,
      activeWidth: 4,
      laneMbps: 25_000,
      pkeys: options.pkeys ?? [0xffff],
      firmware: "0",
      busInfo: "fake",
      capabilities: {
        transmitChecksum: true,
        receiveChecksum: true,
        segmentation: "deferred",
        connectionManagement: "the fake fabric has no connections",
      },
    };
  }

  /** Changes attributes without an event. */
  set(attributes: Partial<PortAttributes>): void {
    this.attributes = { ...this.attributes, ...attributes };
  }

  /** Puts a packet onto the fabric: what a queue pair posts, and what a test sends that no engine would. */
  transmit(packet: PostedPacket, slot: number, length: number): void {
    this.posted.push(packet);
    this.pending.push({ packet, slot, length });
    this.counted.add("xmit_packets");
  }
}
