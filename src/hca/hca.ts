/**
 * The fabric's edge: a port of a host channel adapter, in the shape of the verbs.
 *
 * Two backends stand behind it: `verbs/` (libibverbs and libibumad) and `soft/` (the embedded subnet).
 * The engine knows nothing else of an HCA. How each member maps:
 *
 * | here               | libibverbs                                    | soft                                   |
 * |--------------------|-----------------------------------------------|----------------------------------------|
 * | `SendMemory.reserve` | next free buffer of the registered send ring | a free slot of the memory's memfd      |
 * | `UdQp.post`        | work request appended to the chain            | descriptor written to the peer's ring  |
 * | `HcaPort.flush`    | `ibv_post_send` of the chain                  | ring heads published, doorbells rung   |
 * | `QueuePair.poll`   | `ibv_poll_cq`, 64 at a time                   | descriptors taken from the peers' rings |
 * | `QueuePair.release` | `ibv_post_recv` of the same buffers           | slot ids given back to their owners    |
 * | `setModeration`    | `ibv_modify_cq` of the receive queue          | the port sleeps on (soft/moderation.ts) |
 * | `onCredit`         | send completions                              | returned slots                         |
 * | frame header of a received packet | to be written by the receiver, over the GRH's tail | the sender's bytes, as they are |
 *
 * **Packet slots.** A packet never moves in user space. The sender's device is read straight into a slot of the HCA's
 * memory, so the slot has room for the whole frame (wire/ethernet.ts: virtio header, Ethernet header, packet): see
 * {@linkcode SlotLayout}. The 4 bytes of the IPoIB header have a place of their own on the soft HCA, since the receiver
 * writes the frame out of the same slot; on verbs they lie over the Ethernet header's tail, which is spent before
 * they are written. Either way the message is `encap (4) + packet`.
 *
 * **Frame headers of received packets.** On the soft HCA the frame stands in the sender's slot as the sender wrote it. On
 * verbs there is only the GRH, the IPoIB header and the packet: the receiver writes the frame header over the tail of the
 * first and the second ({@linkcode RxBatch.headersMissing}).
 *
 * **Offloads.** {@linkcode PortCapabilities} says what the port does to packets; the rest must be done before they are posted.
 *
 * **Listening.** What several may listen to is a method that takes a listener and returns what ends the subscription
 * (`onEvent`, `onCredit`, `tap`). A hook that is a property (`onReceive`, `onMad`) has one user: who made the object.
 *
 * **Ownership.** A reserved slot belongs to the caller until `post` or `unreserve`; a polled packet belongs to
 * the caller until `release`. Nothing here allocates per packet.
 */

import type { IbMtu } from "../base/units.ts";
import type { FrameMemory } from "../system/frames.ts";
import type { MadAddress } from "../wire/mad.ts";

/** Where things stand in a send slot, in bytes from the slot's base. */
export interface SlotLayout {
  /** Where the 4 bytes of the IPoIB header are written. */
  readonly encap: number;
  /** Where the frame and its virtio header begin: what the device is read into. */
  readonly vnet: number;
  /** Where the Ethernet header begins; `vnet + VNET_HEADER_LENGTH`. */
  readonly ethernet: number;
  /** Where the packet (what follows the IPoIB header) begins; `vnet + FRAME_HEADER_LENGTH`. Aligned to 4 bytes. */
  readonly payload: number;
}

/** Memory for outgoing packets of one interface. */
export interface SendMemory extends FrameMemory {
  readonly layout: SlotLayout;
  /** All slots; slot `i` begins at `i * stride`. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly stride: number;
  /**
   * Takes a free slot, or -1 when there is none: ask again after {@linkcode HcaPort.onCredit}. `urgent` packets (ARP) may
   * pass while the HCA waits for a slow peer.
   */
  reserve(urgent?: boolean): number;
}

/** Where a UD packet goes; made once per path or group, used by every packet. */
export interface AddressHandle {
  destroy(): void;
}

/** What an address handle is made of (IBTA vol. 1 11.2.2.1). */
export interface AddressHandleAttributes {
  dlid: number;
  sl: number;
  /** Rate code of the path as in PathRecord (base/rates.ts); 0 means the port's own. */
  staticRate: number;
  /** Present if packets carry a GRH: always for multicast. */
  grh?: {
    dgid: Uint8Array;
    flowLabel: number;
    hopLimit: number;
    trafficClass: number;
    sgidIndex: number;
  };
}

/** Received packets, as arrays that are filled again at each poll. Entry `i` is valid while `i < count`. */
export interface RxBatch {
  count: number;
  /** Memory in which packet `i` lies; different packets may lie in different memories. */
  readonly view: DataView[];
  /** Where the payload after the IPoIB header begins in `view[i]`. */
  readonly payload: Int32Array;
  /** Payload length in bytes, without the IPoIB header. */
  readonly length: Int32Array;
  /** The IPoIB header as a big-endian word: EtherType << 16 | reserved. */
  readonly encap: Int32Array;
  /**
   * True if the 26 bytes before each payload are not a frame header yet (verbs). The receiver writes it there before it
   * writes the frame out, and after `sourceGid`, which may lie under it. {@linkcode RxFlag.ChecksumOk} says
   * whether its virtio header may have VnetFlag.DataValid.
   */
  readonly headersMissing: boolean;
  /** Address of the frame header, 26 bytes before the payload, for a write to the device. */
  readonly vnetAddress: bigint[];
  readonly sourceQpn: Int32Array;
  readonly sourceLid: Int32Array;
  /** Bits of {@linkcode RxFlag}. */
  readonly flags: Int32Array;
}

/** Flags of a received packet. */
export const RxFlag = {
  /** The packet has a GRH; {@linkcode QueuePair.sourceGid} copies the source GID out of it. */
  Grh: 1,
  /** The packet came by multicast. */
  Multicast: 2,
  /** The HCA verified the IP checksums. */
  ChecksumOk: 4,
} as const;

/** Why {@linkcode UdQp.post} took a packet or not. */
export const PostResult = {
  /** On its way (or held back for credit by the HCA itself). */
  Sent: 0,
  /** The peer or path is gone; the slot was released. */
  Unreachable: 1,
  /** Longer than the port's MTU and not a large send; the slot was released. */
  TooLong: 2,
  /** The peer holds all the slots that one peer may hold and has stopped; the slot was released. */
  NoCredit: 3,
  /** The queue pair is not in a state to send; the slot was released. */
  NotReady: 4,
} as const;
export type PostResult = typeof PostResult[keyof typeof PostResult];

/**
 * When completed receives become an event (`ibv_modify_cq`): after `rxFrames` of them, or `rxUsecs` microseconds after the
 * first one. A period of 0 makes every completion an event; 0 frames leave the number to the device.
 */
export interface CqModeration {
  /** 16 bits each. */
  readonly rxUsecs: number;
  readonly rxFrames: number;
}

/**
 * What queue pairs of every transport have. A transport adds how it posts: the slot and the length of what follows the
 * IPoIB header, and of the destination what its packets name one by one.
 */
export interface QueuePair {
  /** 24 bits. */
  readonly qpn: number;
  /** Takes completed receives into `batch`; returns how many. */
  poll(batch: RxBatch): number;
  /** Gives the packets of the last poll back, once they were written out. */
  release(batch: RxBatch): void;
  /** A batch of this queue pair's kind, to poll into. */
  createBatch(): RxBatch;
  /** Copies the source GID of packet `i` to `into` (16 bytes); false if the packet has no GRH. See `headersMissing`. */
  sourceGid(batch: RxBatch, i: number, into: Uint8Array): boolean;
  /** The owner's: called by the reactor when there may be something to poll. */
  onReceive: () => void;
  /** Delays `onReceive`. Throws an IpoibError with EOPNOTSUPP if the device cannot. */
  setModeration(moderation: CqModeration): void;
  close(): void;
}

/** Bit 31 of the Q_Key of a send: selects the queue pair's own Q_Key (IBTA vol. 1 10.2.5). */
export const QKEY_FROM_QP = 0x80000000;

/** An unreliable-datagram queue pair: each packet names its destination. */
export interface UdQp extends QueuePair {
  /** Sets the Q_Key that arriving packets must carry. */
  setQkey(qkey: number): void;
  /**
   * Posts `slot` with `length` bytes of payload after the IPoIB header. Consumes the slot whatever it returns. A Q_Key with
   * {@linkcode QKEY_FROM_QP} stands for the queue pair's own.
   */
  post(
    slot: number,
    length: number,
    ah: AddressHandle,
    destQpn: number,
    qkey: number,
  ): PostResult;
  /** Receives packets to this group (IBTA 11.3.1). The pair must be detached with the same two values. */
  attachMulticast(mgid: Uint8Array, mlid: number): void;
  detachMulticast(mgid: Uint8Array, mlid: number): void;
}

/** How to make a queue pair, but for what it sends from. */
export interface QueuePairOptions {
  pkeyIndex: number;
  /** Packets that may wait to be polled, at least. */
  recvQueueSize: number;
}

/** How to make a {@linkcode UdQp}. */
export interface UdQpOptions extends QueuePairOptions {
  /** Where the packets lie that it sends: memory of the same port. */
  memory: SendMemory;
}

/** A user of one management class of the general services interface: 256-byte MADs on QP1 (IBTA vol. 1 13.4). */
export interface MadAgent {
  /** Sends a copy of `mad`. A send that cannot go now is lost: callers have timers. */
  send(mad: Uint8Array, to: MadAddress): void;
  /** The owner's: called with each MAD of the class that arrives; `mad` is only valid during the call. */
  onMad: (mad: Uint8Array, from: MadAddress) => void;
  /** From now on the class has no agent. */
  close(): void;
}

/**
 * A packet that a tap sees: one that was posted, at its post, or one that a queue pair took, at its poll. A multicast packet that
 * several queue pairs take is seen at each of them. Valid during the call only.
 */
export interface TappedPacket {
  readonly direction: "sent" | "received";
  /** What became of the post; `Sent` for a received packet. */
  readonly status: PostResult;
  /** The queue pair of this port. */
  readonly qpn: number;
  /**
   * Memory with the InfiniBand headers, and where each begins; `grh` is -1 without one. Of what a real device does not tell, the
   * PSN is 0, and the P_Key and Q_Key of a received packet are those of the queue pair.
   */
  readonly headers: DataView;
  readonly lrh: number;
  readonly grh: number;
  readonly bth: number;
  readonly deth: number;
  /** The IPoIB header's word. */
  readonly encap: number;
  /** Memory with the packet, and where it begins. */
  readonly view: DataView;
  readonly payload: number;
  /** Bytes of the payload, without the IPoIB header. */
  readonly length: number;
  /** Where the virtio header begins in `view`, which tells a large send; -1 if there is none. */
  readonly vnet: number;
}

/** Logical port states (IBTA 14.2.5.6). */
export type PortState = "down" | "init" | "armed" | "active";

/** The port as it is now. */
export interface PortAttributes {
  /** For example "soft:default" or "mlx5_0". */
  readonly device: string;
  readonly port: number;
  readonly linkLayer: "infiniband" | "ethernet";
  readonly state: PortState;
  readonly physState: string;
  readonly lid: number;
  readonly lmc: number;
  readonly smLid: number;
  readonly smSl: number;
  /** 64 bits. */
  readonly portGuid: bigint;
  /** The port's own GID, 16 bytes: that at index 0 (subnet prefix and port GUID); on Ethernet the one that peers can find. */
  readonly gid: Uint8Array;
  readonly maxMtu: IbMtu;
  readonly activeMtu: IbMtu;
  /** Lanes: 1, 2, 4, 8 or 12. */
  readonly activeWidth: number;
  /** Megabits per second of one lane. */
  readonly laneMbps: number;
  readonly pkeys: readonly number[];
  /** Version, and where the device is, for `ethtool -i`. */
  readonly firmware: string;
  readonly busInfo: string;
  readonly capabilities: PortCapabilities;
}

/** What a port does, of what ports may do. */
export interface PortCapabilities {
  /** Sends may have partial checksums (VnetFlag.NeedsChecksum). */
  readonly transmitChecksum: boolean;
  /** Checksums of received packets are verified: those that are right have {@linkcode RxFlag.ChecksumOk}. */
  readonly receiveChecksum: boolean;
  /**
   * What becomes of a large send (a virtio header with a GSO type): it travels whole with its virtio header, and the
   * receiver's kernel has it as it was ("deferred"); the device makes segments of it ("hardware"); or it must not be posted.
   */
  readonly segmentation: "deferred" | "hardware" | "none";
  /** True, or why there are no connections. */
  readonly connectionManagement: true | string;
}

/** Asynchronous events of a port (IBTA 11.6.3), with ib_ipoib's names. */
export type PortEvent =
  | { type: "port_active" }
  | { type: "port_error" }
  | { type: "lid_change" }
  | { type: "pkey_change" }
  | { type: "gid_change" }
  | { type: "sm_change" }
  | { type: "client_reregister" }
  | { type: "device_fatal"; reason: string };

/** One port of an HCA, opened by this process. */
export interface HcaPort {
  readonly attributes: PortAttributes;
  /** Memory for the packets of one interface, shared with other interfaces where the device has no other kind. */
  openSendMemory(): SendMemory;
  /** The interface needs it no more; its queue pairs are closed, and its device reads no more into it. */
  closeSendMemory(memory: SendMemory): void;
  createUdQp(options: UdQpOptions): UdQp;
  /** May touch the fabric, so it is not for the data path: keep the handle. */
  createAddressHandle(attributes: AddressHandleAttributes): AddressHandle;
  /**
   * Opens the agent of a management class; what arrives of a class without one is dropped and counted. Throws an IpoibError
   * `E_MAD_CLASS`: with EBUSY if the class has an agent, with EOPNOTSUPP if the port cannot have one for it.
   */
  openMadAgent(mgmtClass: number): MadAgent;
  /** Makes everything posted since the last flush visible; one call per batch. */
  flush(): void;
  /** Calls the listener each time that send slots are free again after `reserve` returned -1. */
  onCredit(listener: () => void): () => void;
  /** Calls the listener with each event, from the reactor's loop and after `attributes` changed. */
  onEvent(listener: (event: PortEvent) => void): () => void;
  /** Calls the listener for each packet, until it calls what this returns. Without taps a packet costs one branch. */
  tap(listener: (packet: TappedPacket) => void): () => void;
  /** Counters of the port: violations and drops by reason. */
  counters(): Record<string, number>;
  /** Ends everything: queue pairs, memory, descriptors. */
  close(): void;
}
