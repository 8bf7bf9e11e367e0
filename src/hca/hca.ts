/**
 * The interface of the IPoIB engine to a port of a host channel adapter (HCA), modelled on the verbs.
 *
 * | file                 | part of the interface                                                  |
 * | -------------------- | ---------------------------------------------------------------------- |
 * | `hca.ts`             | the port, its events and its MAD agents                                |
 * | `port_attributes.ts` | the attributes of a port, with its offloads                            |
 * | `send_memory.ts`     | the slots of outgoing packets                                          |
 * | `address_handle.ts`  | the destinations of UD packets                                         |
 * | `ud_qp.ts`           | UD queue pairs                                                         |
 * | `rc_qp.ts`           | RC queue pairs, the connections of connected mode                      |
 * | `post_result.ts`     | the results of posting a packet on either                              |
 * | `rx_batch.ts`        | batches of received packets                                            |
 * | `observed.ts`        | packets and MADs as observers receive them                             |
 *
 * It has two implementations, `verbs/` (libibverbs and libibumad) and `soft/` (the embedded subnet), and a fake for
 * tests (fake.ts). The members map to the implementations as follows:
 *
 * | member                | verbs                                       | soft                                       |
 * | --------------------- | ------------------------------------------- | ------------------------------------------ |
 * | `SendMemory.reserve`  | free slot of the port's registered memory   | free slot of the memory's memfd            |
 * | `post`                | work request appended to the chain          | descriptor written to the peer's ring      |
 * | `HcaPort.flush`       | `ibv_post_send` of the chain                | ring heads published, doorbells rung       |
 * | `UdQp.poll`           | `ibv_poll_cq`, up to 64 completions         | descriptors received from the peers' rings |
 * | `UdQp.release`        | `ibv_post_recv` of the same buffers         | slots returned to their senders            |
 * | `setModeration`       | `ibv_modify_cq` of the receive queue        | the port sleeps on (soft/moderation.ts)    |
 * | `onCredit`            | send completions                            | returned slots                             |
 * | frame header received | written by the receiver over the GRH's tail | the sender's bytes, unchanged              |
 *
 * **Offloads.** `PortCapabilities` lists the offloads of the port. Anything else must be done to packets
 * before they are posted.
 *
 * **Callbacks.** A method with a listener argument (`onEvent`, `onCredit`, `observe`) supports any number of listeners,
 * and returns a function that removes the listener. A callback property (`onReceive`, `onMad`) belongs to the object's
 * creator.
 *
 * **A lost device.** The device of a port may report a fatal error or be removed while the port is open. The port
 * remains, with its send memory and its MAD agents, and waits for the device to return (lost_device.ts):
 *
 * 1. `attributes.lost` has the reason, and the state is "down". During the event `device_lost` the listeners close their
 *    queue pairs and destroy their address handles.
 * 2. Until the device returns, `createUdQp`, `createRcQp` and `createAddressHandle` throw `E_DEVICE_LOST` (ENODEV), and
 *    MADs are dropped. If the device is found but cannot be opened, or does not exist any more, `attributes.lost` has that
 *    reason too, and another `device_lost` follows.
 * 3. `device_returned` follows when the device is open again. Any attribute but the name and the number of the port may
 *    be another one.
 *
 * **Ownership.** A reserved slot belongs to the caller until `post` or `unreserve`; a polled packet belongs to the
 * caller until `release`. Without observers, the implementations allocate nothing per packet.
 */

import type { MadAddress } from "../wire/mad.ts";
import type {
  AddressHandle,
  AddressHandleAttributes,
} from "./address_handle.ts";
import type { PortAttributes } from "./port_attributes.ts";
import type { RcQp, RcQpOptions } from "./rc_qp.ts";
import type { SendMemory } from "./send_memory.ts";
import type { ObservedMad, ObservedPacket } from "./observed.ts";
import type { UdQp, UdQpOptions } from "./ud_qp.ts";

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
   * management, and `E_QP` if there can be no further queue pair: with ENOSPC if the port has the maximum number,
   * otherwise with the device's errno.
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
   * Calls the listener with each packet until the returned function is called. Without observers a packet costs one
   * branch.
   */
  observe(listener: (packet: ObservedPacket) => void): () => void;
  /** As {@linkcode observe}, with each MAD. On Ethernet, where MADs do not leave the process, there are none. */
  observeMads(listener: (mad: ObservedMad) => void): () => void;
  /** Returns the counters of the port by name. */
  counters(): Record<string, number>;
  /** Closes the port with its queue pairs, memory and descriptors. */
  close(): void;
}
