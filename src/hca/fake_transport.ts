/** The part of a fake port (fake.ts) that its queue pairs use: send memory, attributes, counters and sent packets. */

import { Counters } from "../base/counters.ts";
import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { ibMtuBytes, type IbMtuCode } from "../base/units.ts";
import { DEFAULT_SUBNET_PREFIX, gidFrom } from "../wire/gid.ts";
import type { AddressHandleAttributes } from "./address_handle.ts";
import { FakeSendMemory, memoryAddress } from "./fake_memory.ts";
import type { PortAttributes } from "./port_attributes.ts";
import { PostResult } from "./post_result.ts";
import type { RcFailure } from "./rc_qp.ts";
import { PacketObservers } from "./packet_observers.ts";

const MTU_2048 = 4 as IbMtuCode;

/** Counter names of a port, as those of the embedded HCA. */
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

/** A posted packet, copied at the time of the post. */
export interface PostedPacket {
  readonly from: FakeTransport;
  readonly sourceQpn: number;
  readonly handle: AddressHandleAttributes;
  readonly multicast: boolean;
  readonly destQpn: number;
  /** The Q_Key in the packet: that of the queue pair if bit 31 of the posted one was set. */
  readonly qkey: number;
  readonly pkey: number;
  /** The IPoIB header as a big-endian word. */
  readonly encap: number;
  readonly vnet: Uint8Array;
  readonly ethernet: Uint8Array;
  readonly payload: Uint8Array;
  /** The RC queue pair that sent the packet; absent for UD. */
  readonly connection?: FakeConnection;
}

/** The part of an RC queue pair (fake_rc_qp.ts) that its port uses. */
export interface FakeConnection {
  /** Queues a message of the remote queue pair to be polled. Returns the failure of the sender, or undefined. */
  receive(completion: Completion): RcFailure | undefined;
  /** Ends the connection with a failure. */
  fail(failure: RcFailure): void;
}

/** A packet in its sender's slot that is sent or received, and not released. */
export interface Completion {
  readonly packet: PostedPacket;
  readonly slot: number;
  /** Payload length in bytes. */
  readonly length: number;
}

/** Options of a port. */
export interface FakePortOptions {
  guid?: bigint;
  lid?: number;
  /** Number of the first queue pair: another one than that of a port with the same LID, which is another program's. */
  firstQpn?: number;
  slots?: number;
  state?: PortAttributes["state"];
  pkeys?: readonly number[];
  mtuCode?: IbMtuCode;
  /** True if received packets have no frame headers, as on verbs. */
  headersMissing?: boolean;
  /** True if the port has connection management. */
  connections?: boolean;
  /** See {@linkcode FakeTransport.onCall}. */
  onCall?: (call: FakeCall) => void;
  /** Packets that the receive queues of all UD queue pairs together may hold; without it there is no limit. */
  lockedPackets?: number;
  /** True if the port refuses address handles, connections and MADs without a GRH. */
  grhRequired?: boolean;
}

/** Calls that a device may refuse. */
export type FakeCall =
  | "createUdQp"
  | "createRcQp"
  | "createAddressHandle"
  | "setQkey"
  | "attachMulticast"
  | "setModeration"
  | "connect"
  /** The device, after it was lost. */
  | "open";

/** The base of a fake port. */
export class FakeTransport {
  readonly send: FakeSendMemory;
  readonly counted = new Counters(counterNames);
  readonly observers = new PacketObservers();
  /** The record of misuse, shared by all ports of the fabric. */
  readonly misuse: string[];
  /** All packets that were sent, oldest first. */
  readonly posted: PostedPacket[] = [];
  /** The open RC queue pairs by QPN. */
  readonly rcQps = new Map<number, FakeConnection>();
  /** See {@linkcode FakePortOptions.lockedPackets}. */
  lockedPackets: number;
  /** Maximum number of RC queue pairs. */
  maxRcQps = Infinity;
  /** Sent packets that are not delivered yet. */
  readonly pending: Completion[] = [];
  /** Result of every post that passes the checks; the packet is sent only if it is `Sent`. */
  postResult: PostResult = PostResult.Sent;
  attributes: PortAttributes;
  /** Called before each call that a device may refuse. Throws to refuse it. */
  onCall: (call: FakeCall) => void;
  /** Errno with which the device refuses every MAD; 0: it refuses only those without a required GRH. */
  madErrno = 0;
  /** True to simulate a device without completion moderation. */
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
    this.lockedPackets = options.lockedPackets ?? Infinity;
    this.onCall = options.onCall ?? (() => {});
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
      grhRequired: options.grhRequired ?? false,
      activeWidth: 4,
      laneMbps: 25_000,
      pkeys: options.pkeys ?? [0xffff],
      firmware: "0",
      busInfo: "fake",
      capabilities: {
        transmitChecksum: true,
        receiveChecksum: true,
        segmentation: this.headersMissing ? "requests" : "deferred",
        connectionManagement: options.connections
          ? true
          : "the fake fabric has no connections",
        connectionRetries: 0,
        sharedReceiveQueue: true,
      },
    };
  }

  /** Throws EINVAL if the port requires a GRH and the attributes have none, as Linux `rdma_check_ah_attr` returns it. */
  checkGrh({ dlid, grh }: AddressHandleAttributes): void {
    if (grh || !this.attributes.grhRequired) return;
    throw new IpoibError(
      "E_VERBS",
      `The fake device refuses a path to LID ${dlid} without a GRH`,
      { errno: Errno.EINVAL },
    );
  }

  /** True if the port has the LID: its own, or one with other path bits. */
  hasLid(lid: number): boolean {
    const { attributes } = this;
    return (lid ^ attributes.lid) >> attributes.lmc === 0;
  }

  /** Changes attributes without an event. */
  set(attributes: Partial<PortAttributes>): void {
    this.attributes = { ...this.attributes, ...attributes };
  }

  /** Sends a packet over the fabric: one that a queue pair has posted, or one that a test injects. */
  transmit(packet: PostedPacket, slot: number, length: number): void {
    this.posted.push(packet);
    this.pending.push({ packet, slot, length });
    this.counted.add("xmit_packets");
  }
}
