/**
 * The interface of the IPoIB engine to a port of a host channel adapter (HCA), modelled on the verbs.
 *
 * It has two implementations, `verbs/` (libibverbs and libibumad) and `soft/` (the embedded subnet), and a fake for
 * tests (fake.ts). The members map to the implementations as follows:
 *
 * | member                | verbs                                       | soft                                       |
 * | --------------------- | ------------------------------------------- | ------------------------------------------ |
 * | `SendMemory.reserve`  | free slot of the port's registered memory   | free slot of the memory's memfd            |
 * | `post`                | work request appended to the chain          | descriptor written to the peer's ring      |
 * | `HcaPort.flush`       | `ibv_post_send` of the chain                | ring heads published, doorbells rung       |
 * | `QueuePair.poll`      | `ibv_poll_cq`, up to 64 completions         | descriptors received from the peers' rings |
 * | `QueuePair.release`   | `ibv_post_recv` of the same buffers         | slots returned to their senders            |
 * | `setModeration`       | `ibv_modify_cq` of the receive queue        | the port sleeps on (soft/moderation.ts)    |
 * | `onCredit`            | send completions                            | returned slots                             |
 * | frame header received | written by the receiver over the GRH's tail | the sender's bytes, unchanged              |
 *
 * **Packet slots.** The data path does not copy packets in user space. Frames are read from the sender's network device
 * into slots of the HCA's memory, so a slot has space for the whole frame (wire/ethernet.ts: virtio header, Ethernet
 * header, packet); {@linkcode SlotLayout} gives the offsets. On the soft HCA the 4 bytes of the IPoIB header are
 * outside the frame, because the receiver writes the frame from the same slot to its device. On verbs they overwrite
 * the last 4 bytes of the Ethernet header, which are no longer needed then. The message is `IPoIB header (4) + packet`
 * on both. A large send on verbs is several messages, whose headers are in other memory.
 *
 * **Frame headers of received packets.** On the soft HCA the frame is in the sender's slot as the sender wrote it. On
 * verbs a receive buffer has the GRH, the IPoIB header and the packet only: the receiver writes the frame header over
 * the IPoIB header and the tail of the GRH ({@linkcode RxBatch.headersMissing}).
 *
 * **Offloads.** {@linkcode PortCapabilities} lists the offloads of the port. Anything else must be done to packets
 * before they are posted.
 *
 * **Callbacks.** A method with a listener argument (`onEvent`, `onCredit`, `tap`) supports any number of listeners, and
 * returns a function that removes the listener. A callback property (`onReceive`, `onMad`) belongs to the object's
 * creator.
 *
 * **A lost device.** The device of a port may report a fatal error or be removed while the port is open. The port
 * remains, with its send memory and its MAD agents, and waits for the device to return (lost_device.ts):
 *
 * 1. `attributes.lost` has the reason, and the state is "down". During the event `device_lost` the listeners close their
 *    queue pairs and destroy their address handles.
 * 2. Until the device returns, `createUdQp`, `createRcQp` and `createAddressHandle` throw `E_DEVICE_LOST` (ENODEV), and
 *    MADs are dropped. If the device is found but cannot be opened, `attributes.lost` has that reason too, and another
 *    `device_lost` follows.
 * 3. `device_returned` follows when the device is open again. Any attribute but the name and the number of the port may
 *    be another one.
 *
 * **Ownership.** A reserved slot belongs to the caller until `post` or `unreserve`; a polled packet belongs to the
 * caller until `release`. Without taps, the implementations allocate nothing per packet.
 */

import type { IpoibError } from "../base/errors.ts";
import type { IbMtu } from "../base/units.ts";
import type { FrameMemory } from "../system/frames.ts";
import type { MadAddress } from "../wire/mad.ts";

/** Offsets in a send slot, in bytes from the start of the slot. */
export interface SlotLayout {
  /** Offset of the 4 bytes of the IPoIB header. */
  readonly encap: number;
  /** Offset of the virtio header, the start of the frame that is read from the network device. */
  readonly vnet: number;
  /** Offset of the Ethernet header: `vnet + VNET_HEADER_LENGTH`. */
  readonly ethernet: number;
  /** Offset of the IP or ARP packet: `vnet + FRAME_HEADER_LENGTH`. A multiple of 4 on verbs and on the soft HCA. */
  readonly payload: number;
}

/** Memory for the outgoing packets of an interface. */
export interface SendMemory extends FrameMemory {
  readonly layout: SlotLayout;
  /** Number of packets that the device can hold (ib_ipoib's `send_queue_size`). */
  readonly queueSize: number;
  /** The memory of all slots; slot `i` starts at `i * stride`. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly stride: number;
  /**
   * Reserves a free slot and returns its index, or -1 if there is none; the caller may retry after
   * {@linkcode HcaPort.onCredit}. With `urgent` (for example for ARP) it hands out a slot even while posted packets wait,
   * for a slow peer or for a free request of the device.
   */
  reserve(urgent?: boolean): number;
}

/** The destination of UD packets: created once per path or group and used for every packet to it. */
export interface AddressHandle {
  destroy(): void;
}

/** Attributes of an address handle (IBTA vol. 1 11.2.2.1). */
export interface AddressHandleAttributes {
  dlid: number;
  sl: number;
  /** Rate code of a path that is slower than the port (port_rate.ts); 0 means the port's own rate. */
  staticRate: number;
  /** Low bits of the source LID, which replace those of the port's LID (IBTA vol. 1 4.1.3). Default: 0. */
  pathBits?: number;
  /** Present if packets have a GRH. Required for multicast. */
  grh?: {
    dgid: Uint8Array;
    flowLabel: number;
    hopLimit: number;
    trafficClass: number;
    sgidIndex: number;
  };
}

/** Received packets, in arrays that each poll fills again. Entry `i` is valid if `i < count`. */
export interface RxBatch {
  count: number;
  /** Memory that holds packet `i`; packets may be in different memories. */
  readonly view: DataView[];
  /** Offset in `view[i]` of the payload, which follows the IPoIB header. */
  readonly payload: Int32Array;
  /** Payload length in bytes, without the IPoIB header. */
  readonly length: Int32Array;
  /** The IPoIB header as a big-endian word: EtherType << 16 | reserved. */
  readonly encap: Int32Array;
  /**
   * True if the 26 bytes before each payload are not a frame header yet (verbs). The receiver writes the header there
   * before it writes the frame to the device, but after calling `sourceGid`, because the header may overwrite the
   * source GID. {@linkcode RxFlag.ChecksumOk} permits VnetFlag.DataValid in the virtio header.
   */
  readonly headersMissing: boolean;
  /** Address of the frame header, 26 bytes before the payload, for the write to the network device. */
  readonly vnetAddress: bigint[];
  /**
   * Returns the sum of the big-endian 16-bit words in `length` bytes at offset `at` of the packets' memory, folded into
   * 16 bits (wire/summed_memory.ts). Absent if the memory cannot be summed in place. Not for packets of connections.
   */
  readonly sum?: (at: number, length: number) => number;
  /** QPN of the sender; for a packet of a connection, that of the {@linkcode RcQp} that received it. */
  readonly sourceQpn: Int32Array;
  readonly sourceLid: Int32Array;
  /** Bits of {@linkcode RxFlag}. */
  readonly flags: Int32Array;
}

/** Flags of a received packet. */
export const RxFlag = {
  /** The packet has a GRH; {@linkcode QueuePair.sourceGid} copies its source GID. */
  Grh: 1,
  /** The packet was sent to a multicast group. */
  Multicast: 2,
  /** The HCA has verified the checksums of the packet. */
  ChecksumOk: 4,
  /**
   * The packet was received on a connection ({@linkcode RcQp}). It has no GRH, and its source LID is 0.
   */
  Connected: 8,
} as const;

/** Results of {@linkcode UdQp.post} and {@linkcode RcQp.post}. */
export const PostResult = {
  /** The packet was accepted: it was sent, or the HCA queues it until the peer has credit. */
  Sent: 0,
  /** The peer or the path no longer exists; the slot was released. */
  Unreachable: 1,
  /** The message exceeds the port's MTU and is not a large send; the slot was released. */
  TooLong: 2,
  /** The peer holds its share of the slots and is too slow or has stopped; the slot was released. */
  NoCredit: 3,
  /** The port, the queue pair or the address handle is not ready to send; the slot was released. */
  NotReady: 4,
  /** The virtio header, or the headers of a large send, are invalid; the slot was released. */
  Malformed: 5,
} as const;
export type PostResult = typeof PostResult[keyof typeof PostResult];

/**
 * Moderation of receive events (`ibv_modify_cq`): an event is raised after `rxFrames` completions, or `rxUsecs`
 * microseconds after the first one. With a period of 0 every completion raises an event; with 0 frames the device
 * limits the number.
 */
export interface CqModeration {
  /** Microseconds, 16 bits. */
  readonly rxUsecs: number;
  /** 16 bits. */
  readonly rxFrames: number;
}

/**
 * The members that queue pairs of all transport services have. Each service adds its own `post`, with the parts of the
 * destination that its packets carry.
 */
export interface QueuePair {
  /** 24 bits. */
  readonly qpn: number;
  /** Moves completed receives into `batch` and returns their number. */
  poll(batch: RxBatch): number;
  /** Releases the packets of the last poll after they were written out, and empties the batch. */
  release(batch: RxBatch): void;
  /** Creates a batch for `poll`. */
  createBatch(): RxBatch;
  /**
   * Copies the source GID of packet `i` to `into` (16 bytes). Returns false if the packet has no GRH. Must be called
   * before the frame header is written, see `headersMissing`.
   */
  sourceGid(batch: RxBatch, i: number, into: Uint8Array): boolean;
  /** Set by the creator; called from the reactor's loop when packets may be ready to poll. */
  onReceive: () => void;
  /** Sets the moderation of `onReceive`. Throws `E_MODERATION` if the device fails or does not support it. */
  setModeration(moderation: CqModeration): void;
  close(): void;
}

/** Bit 31 of a send's Q_Key: the packet carries the Q_Key of the queue pair instead (IBTA vol. 1 10.2.5). */
export const QKEY_FROM_QP = 0x80000000;

/** An unreliable-datagram (UD) queue pair: each post names its destination. */
export interface UdQp extends QueuePair {
  /**
   * Set by the creator; called, from the reactor's loop, if the device has reported an error of the queue pair and
   * refuses to restart it. The queue pair then sends and receives nothing and must be closed.
   */
  onFailure: (error: IpoibError) => void;
  /** Sets the Q_Key that received packets must carry. Throws `E_VERBS` if the device refuses it. */
  setQkey(qkey: number): void;
  /**
   * Posts `slot` with `length` bytes of payload after the IPoIB header. Consumes the slot whatever the result. If
   * `qkey` has the bit {@linkcode QKEY_FROM_QP}, the packet carries the queue pair's own Q_Key.
   */
  post(
    slot: number,
    length: number,
    ah: AddressHandle,
    destQpn: number,
    qkey: number,
  ): PostResult;
  /** Attaches the queue pair to a group (IBTA vol. 1 11.3.1). `detachMulticast` takes the same two values. */
  attachMulticast(mgid: Uint8Array, mlid: number): void;
  detachMulticast(mgid: Uint8Array, mlid: number): void;
}

/** The remote end of a connection and the transport attributes (IBTA vol. 1 11.2.5.2, 12.6.5). */
export interface RcConnection {
  /** Path to the remote port. */
  readonly path: AddressHandleAttributes;
  /** IB MTU of the path; longer messages are sent in several packets. */
  readonly pathMtu: IbMtu;
  readonly destQpn: number;
  /** PSN of the first packet to send, and of the first one expected. 24 bits. */
  readonly sendPsn: number;
  readonly receivePsn: number;
  /** Local ACK timeout, 4.096 us * 2^n. 5 bits; 0 is infinite. */
  readonly ackTimeout: number;
  /** Retries after a lost packet, and after an RNR NAK (7: without limit). 3 bits each. */
  readonly retryCount: number;
  readonly rnrRetryCount: number;
}

/** Reasons for the failure of a connection (IBTA vol. 1 11.6.2). */
export type RcFailure =
  /** The remote queue pair did not acknowledge a message, or does not exist. */
  | "retry_exceeded"
  /** The remote queue pair had no receive buffer. */
  | "rnr_retry_exceeded"
  /** The remote queue pair rejected a message. */
  | "remote_error"
  /** The device reported another error. */
  | "local_error";

/**
 * A reliable connected (RC) queue pair. It has no queue of its own for received messages: they are polled from the
 * {@linkcode UdQp} that it was created with, with the flag {@linkcode RxFlag.Connected}. A message is `IPoIB header (4)
 * + packet` of up to 65,524 bytes, as in a UD packet.
 *
 * A queue pair is created in the state INIT, where it receives nothing, and is connected once. After an error it sends
 * and receives nothing and must be closed.
 */
export interface RcQp {
  /** 24 bits. */
  readonly qpn: number;
  /** Number of received messages; a change shows that the connection is in use. */
  readonly received: number;
  /**
   * Sets the remote end and makes the queue pair ready to receive and to send. Throws `E_QP_STATE` if the device
   * refuses it, or if the queue pair is already connected or closed.
   */
  connect(to: RcConnection): void;
  /**
   * Posts `slot` with `length` bytes of payload after the IPoIB header. Consumes the slot whatever the result.
   * `NotReady` also means that the queue pair is not connected or has failed.
   */
  post(slot: number, length: number): PostResult;
  /**
   * Set by the creator; called once, from the reactor's loop, when the connection fails. Messages that were posted
   * before may be lost.
   */
  onFailure: (failure: RcFailure) => void;
  /** Closes the queue pair; drops messages that were not polled or not sent. */
  close(): void;
}

/** Options of an {@linkcode RcQp}. */
export interface RcQpOptions {
  pkeyIndex: number;
  /**
   * Queue pair of the same port that delivers received messages. The slots that the RC queue pair sends are of its
   * memory. Must be closed after the RC queue pair.
   */
  receiver: UdQp;
}

/** Options of a queue pair, without its send memory. */
export interface QueuePairOptions {
  pkeyIndex: number;
  /** Minimum number of received packets that can wait to be polled. */
  recvQueueSize: number;
}

/** Options of a {@linkcode UdQp}. */
export interface UdQpOptions extends QueuePairOptions {
  /** Memory of the slots that it sends; must be of the same port. */
  memory: SendMemory;
}

/** The agent of one management class of the general services interface: 256-byte MADs on QP1 (IBTA vol. 1 13.4). */
export interface MadAgent {
  /** Sends a copy of `mad`. Drops it if it cannot be sent now: the caller must retransmit. */
  send(mad: Uint8Array, to: MadAddress): void;
  /** Set by the creator; called with each received MAD of the class. `mad` is valid during the call only. */
  onMad: (mad: Uint8Array, from: MadAddress) => void;
  /**
   * Set by the creator; called, some time after {@linkcode MadAgent.send}, if the device has refused a MAD. Has the low
   * half of its TransactionID and a positive errno.
   */
  onSendFailed: (transactionId: number, errno: number) => void;
  /** Closes the agent; the class can then be opened again. */
  close(): void;
}

/**
 * A packet as passed to a tap: when it is posted, or when a queue pair polls it. A multicast packet that several queue
 * pairs receive is passed once for each of them. A large send that the port cuts into segments is passed as these. On
 * verbs and on the soft HCA a post on a closed queue pair is not passed. Valid during the call only.
 */
export interface TappedPacket {
  readonly direction: "sent" | "received";
  /** Result of the post; `Sent` for a received packet. */
  readonly status: PostResult;
  /** QPN of the queue pair of this port. */
  readonly qpn: number;
  /** QPN of the UD queue pair: of a message sent on a connection, the receiver of the {@linkcode RcQp}. */
  readonly udQpn: number;
  /**
   * Memory with the InfiniBand headers, and the offset of each; `grh` is -1 if there is none, `deth` is -1 for a message
   * of a connection, which may represent several packets: the BTH's opcode is then RC SEND only. A real device does not
   * report some fields: on verbs the PSN is 0, and a received packet shows the P_Key and Q_Key of the queue pair.
   */
  readonly headers: DataView;
  readonly lrh: number;
  readonly grh: number;
  readonly bth: number;
  readonly deth: number;
  /** The IPoIB header as a big-endian word. */
  readonly encap: number;
  /** Memory with the packet, and the offset of its payload. */
  readonly view: DataView;
  readonly payload: number;
  /** Payload length in bytes, without the IPoIB header. */
  readonly length: number;
  /** Offset in `view` of the virtio header, which marks large sends; -1 if there is none. */
  readonly vnet: number;
}

/** A MAD as passed to a tap: when its agent sends it, or when it is received. Valid during the call only. */
export interface TappedMad {
  readonly direction: "sent" | "received";
  readonly mad: Uint8Array;
  /** The destination or the source. */
  readonly address: MadAddress;
}

/** Logical port states (IBTA vol. 1 14.2.5.6). */
export type PortState = "down" | "init" | "armed" | "active";

/** The current attributes of a port. */
export interface PortAttributes {
  /** For example "soft:default" or "mlx5_0". */
  readonly device: string;
  readonly port: number;
  readonly linkLayer: "infiniband" | "ethernet";
  readonly state: PortState;
  /** Why the device is lost; undefined unless the port waits for it. A clause: "it was removed". */
  readonly lost?: string;
  readonly physState: string;
  readonly lid: number;
  readonly lmc: number;
  readonly smLid: number;
  readonly smSl: number;
  /** 64 bits. */
  readonly portGuid: bigint;
  /**
   * The port's own GID, 16 bytes: that at index 0 (subnet prefix and port GUID), or on Ethernet a link-local GID
   * (verbs/roce/roce_netdev.ts).
   */
  readonly gid: Uint8Array;
  readonly maxMtu: IbMtu;
  readonly activeMtu: IbMtu;
  /** True if address handles and MADs must have a GRH: the port refuses others (IBV_QPF_GRH_REQUIRED). */
  readonly grhRequired: boolean;
  /** Number of lanes: 1, 2, 4, 8 or 12. */
  readonly activeWidth: number;
  /** Nominal rate of one lane in Mb/s. */
  readonly laneMbps: number;
  /** The P_Key table. */
  readonly pkeys: readonly number[];
  /** Firmware version and bus information, for `ethtool -i`. */
  readonly firmware: string;
  readonly busInfo: string;
  readonly capabilities: PortCapabilities;
}

/** The offloads and transport services of a port. */
export interface PortCapabilities {
  /** True if posted packets may have partial checksums (VnetFlag.NeedsChecksum). */
  readonly transmitChecksum: boolean;
  /** True if the checksums of received packets are verified; correct ones set {@linkcode RxFlag.ChecksumOk}. */
  readonly receiveChecksum: boolean;
  /**
   * Handling of a large send (a packet whose virtio header has a GSO type). "deferred": it is transferred unsegmented
   * with its virtio header to the receiver's kernel. "hardware": the device segments it. "requests": the port posts a
   * request for each segment. "none": it must not be posted.
   */
  readonly segmentation: "deferred" | "hardware" | "requests" | "none";
  /** True if connected mode is supported; otherwise the reason why it is not. */
  readonly connectionManagement: true | string;
  /** Retry count and RNR retry count of the connections that the port opens. 3 bits; 7 RNR retries: without limit. */
  readonly connectionRetries: number;
}

/**
 * Asynchronous events of a port (IBTA vol. 1 11.6.3), and those of a lost device. After `device_fatal` the port can never
 * be used again: the manager of the embedded subnet refuses it.
 */
export type PortEvent =
  | { type: "port_active" }
  | { type: "port_error" }
  | { type: "lid_change" }
  | { type: "pkey_change" }
  | { type: "gid_change" }
  | { type: "sm_change" }
  | { type: "client_reregister" }
  | { type: "device_lost" }
  | { type: "device_returned" }
  | { type: "device_fatal"; reason: string };

/** An open port of an HCA. */
export interface HcaPort {
  readonly attributes: PortAttributes;
  /** Opens send memory for an interface. On verbs all interfaces of the port share the same memory. */
  openSendMemory(): SendMemory;
  /**
   * Closes the send memory of an interface. Its queue pairs must be closed, and the reader of the network device must
   * be stopped.
   */
  closeSendMemory(memory: SendMemory): void;
  /**
   * Creates a queue pair. Throws `E_VERBS`, with the device's errno, if the device refuses it; `E_MEMLOCK` (ENOMEM) if
   * the limit on locked memory does not allow its receive queue; `E_DEVICE_LOST` (ENODEV) if the device is lost, as the
   * other methods that create something on it.
   */
  createUdQp(options: UdQpOptions): UdQp;
  /**
   * Creates a queue pair for a connection. Throws `E_NO_CONNECTIONS` (EOPNOTSUPP) if the port has no connection
   * management, and `E_QP` with the device's errno if it has no more queue pairs.
   */
  createRcQp(options: RcQpOptions): RcQp;
  /** Creates an address handle. May be slow or cause traffic, so the data path must reuse handles. */
  createAddressHandle(attributes: AddressHandleAttributes): AddressHandle;
  /**
   * Opens the agent of a management class. Received MADs of a class without an agent are dropped and counted. Throws
   * `E_MAD_CLASS`: with EBUSY if the class already has an agent, with EOPNOTSUPP if the port does not support the
   * class.
   */
  openMadAgent(mgmtClass: number): MadAgent;
  /** Hands all packets posted since the last flush to the device or the peers; called once per batch. */
  flush(): void;
  /** Calls the listener each time send slots are free again after there were none. */
  onCredit(listener: () => void): () => void;
  /** Calls the listener with each event from the reactor's loop, after `attributes` was updated. */
  onEvent(listener: (event: PortEvent) => void): () => void;
  /**
   * Calls the listener with each packet until the returned function is called. Without taps a packet costs one branch.
   */
  tap(listener: (packet: TappedPacket) => void): () => void;
  /** As {@linkcode tap}, with each MAD. On Ethernet, where MADs do not leave the process, there are none. */
  tapMads(listener: (mad: TappedMad) => void): () => void;
  /** Returns the counters of the port by name. */
  counters(): Record<string, number>;
  /** Closes the port with its queue pairs, memory and descriptors. */
  close(): void;
}
