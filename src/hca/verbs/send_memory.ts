/**
 * The send slots of a port, and its work requests (send_requests.ts): registered memory in which WebAssembly completes
 * checksums (wire/summed_memory.ts).
 *
 * | offset | bytes  | part of a slot                                                           |
 * |--------|--------|--------------------------------------------------------------------------|
 * | 38     | 12     | virtio header from the network device                                    |
 * | 50     | 14     | Ethernet header                                                          |
 * | 60     | 4      | IPoIB header, written over the last 4 bytes of the Ethernet header       |
 * | 64     | 65536  | IP or ARP packet; 4160 bytes if there is no memory for large sends       |
 *
 * After the slots are the headers of segments, and a copy of a segment for observers. The memory takes 33 MiB, which are
 * pinned, or 3 MiB without large sends; with another size of the send queue (`--send-queue-size`) more or less.
 *
 * A packet is sent from its slot: the IPoIB header and the packet are contiguous, so one scatter/gather element covers
 * them. A segment of a large send has two: its headers, and its payload in the slot. A slot is free when all requests
 * with a part of it have completed.
 *
 * The kernel is given no slots while packets wait for a free request.
 */

import { ENCAP_LENGTH } from "../../base/units.ts";
import type { LentSlots } from "../../system/frames.ts";
import { FRAME_HEADER_LENGTH } from "../../wire/ethernet.ts";
import { longestSegment } from "../../wire/large_send.ts";
import { completeChecksum } from "../../wire/partial_checksum.ts";
import type { SummedMemory } from "../../wire/summed_memory.ts";
import { GsoType, VNET_HEADER_LENGTH, VnetField } from "../../wire/vnet.ts";
import type { SendMemory, SlotLayout } from "../send_memory.ts";
import { RegisteredSummedMemory, type Registrar } from "./memory.ts";
import {
  CONNECTED_REQUESTS,
  REQUEST_HEADERS,
  SEND_REQUESTS,
  SendRequests,
} from "./send_requests.ts";

/** Offset of the IP or ARP packet in a slot. */
const PAYLOAD = 64;
const ENCAP = PAYLOAD - ENCAP_LENGTH;
const VNET = PAYLOAD - FRAME_HEADER_LENGTH;
/** Capacity of a slot in bytes of the packet, without and with large sends and connections. */
const DATAGRAM_PACKET = 4160;
const LARGE_PACKET = 65536;
/** Default number of slots of a port: one for each request. */
export const SEND_SLOTS = SEND_REQUESTS;
/** Minimum number, so that some remain for the engine beside those that are lent. */
const MIN_SLOTS = 64;
/** Number of free slots that are kept back from the kernel, for packets of the engine itself. */
const ENGINE_SLOTS = 32;
/** Maximum number of lent slots: enough for the frames read between two turns. */
const MAX_LENT = 64;

/** See {@linkcode SendMemory}. */
export class VerbsSendMemory implements SendMemory {
  readonly layout: SlotLayout = {
    encap: ENCAP,
    vnet: VNET,
    ethernet: VNET + VNET_HEADER_LENGTH,
    payload: PAYLOAD,
  };
  readonly frameCapacity: number;
  readonly queueSize: number;
  /** Number of slots. */
  readonly slots: number;
  /** Bytes from one slot to the next. */
  readonly stride: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly vnetAddress: readonly bigint[];
  /** The requests of the UD queue pairs, and those of the connections. */
  readonly requests: SendRequests;
  readonly connectedRequests: SendRequests;
  /** True if the slots have space for large sends. */
  readonly large: boolean;
  /** Offset of the memory for a copy of a segment, LARGE_PACKET bytes. */
  readonly copy: number;
  /** Called if no slot is free; polls send completions, which free slots. */
  collect: () => void = () => {};
  /** True if no slot was free for a reservation or for the kernel, until the port calls its credit listeners. */
  starved = false;
  /** Number of send queues with packets that wait for a free request. */
  waiting = 0;
  readonly #memory: RegisteredSummedMemory;
  /** Number of requests with a part of each slot, and 1 while more are to be made. */
  readonly #uses: Int32Array;
  readonly #free: Int32Array;
  #freeCount: number;
  #borrower: LentSlots | undefined;

  /**
   * Throws `E_MEMLOCK` or `E_VERBS` if the memory cannot be registered, or the errors of {@linkcode SendRequests}.
   *
   * @param pd `struct ibv_pd *`
   * @param large true for slots with space for large sends and for the packets of connections
   * @param queueSize number of requests of the UD queue pairs; there is a slot for each
   */
  constructor(
    library: Registrar,
    pd: bigint,
    large: boolean,
    queueSize: number = SEND_SLOTS,
  ) {
    using parts = new DisposableStack();
    const slots = Math.max(queueSize, MIN_SLOTS);
    const stride = PAYLOAD + (large ? LARGE_PACKET : DATAGRAM_PACKET);
    const headers = slots * stride;
    const connected = headers + queueSize * REQUEST_HEADERS;
    this.queueSize = queueSize;
    this.slots = slots;
    this.#uses = new Int32Array(slots);
    this.#free = new Int32Array(slots);
    this.#freeCount = slots;
    this.large = large;
    this.stride = stride;
    this.frameCapacity = stride - VNET;
    this.copy = connected + CONNECTED_REQUESTS * REQUEST_HEADERS;
    const size = this.copy + (large ? LARGE_PACKET : 0);
    this.#memory = new RegisteredSummedMemory(library, pd, size);
    parts.defer(() => this.detach());
    this.bytes = this.#memory.bytes;
    this.view = this.#memory.view;
    const { address } = this.#memory;
    this.vnetAddress = Array.from(
      { length: slots },
      (_, slot) => address + BigInt(slot * stride + VNET),
    );
    for (let slot = 0; slot < slots; slot++) {
      this.#free[slot] = slots - 1 - slot;
    }
    this.requests = new SendRequests(this.#memory, queueSize, headers);
    parts.defer(() => this.requests.close());
    this.connectedRequests = new SendRequests(
      this.#memory,
      CONNECTED_REQUESTS,
      connected,
    );
    parts.move();
  }

  /** The memory of the slots and the headers. */
  get memory(): SummedMemory {
    return this.#memory;
  }

  /** True if there is a slot for the next frame. */
  get ready(): boolean {
    if (this.waiting > 0) return false;
    const borrower = this.#borrower;
    return borrower
      ? borrower.available > 0 || this.#freeCount > ENGINE_SLOTS
      : this.#freeCount > 0;
  }

  reserve(urgent = false): number {
    if (this.#freeCount === 0) this.collect();
    if (this.#freeCount === 0 || (this.waiting > 0 && !urgent)) {
      this.starved = true;
      return -1;
    }
    return this.#free[--this.#freeCount]!;
  }

  unreserve(slot: number): void {
    this.#free[this.#freeCount++] = slot;
  }

  lendTo(borrower: LentSlots): void {
    this.#borrower = borrower;
    this.supply();
  }

  // No state is kept for slots that are not free.
  takeLent(_slot: number): void {}

  /** Lends more free slots to the kernel; called once per turn. */
  supply(): void {
    const borrower = this.#borrower;
    if (!borrower || borrower.available >= MAX_LENT / 2) return;
    if (this.#freeCount <= ENGINE_SLOTS) this.collect();
    while (
      this.waiting === 0 && borrower.available < MAX_LENT &&
      this.#freeCount > ENGINE_SLOTS
    ) borrower.add(this.#free[--this.#freeCount]!);
    if (borrower.available === 0) this.starved = true;
  }

  /**
   * Completes a partial checksum of the frame in `slot`, whose packet has `length` bytes. Returns the length of the
   * longest IP packet that is sent, which is shorter for a large send; -1 if the virtio header or the headers of a large
   * send are invalid.
   */
  prepare(slot: number, length: number): number {
    const { view, stride } = this;
    const base = slot * stride;
    const vnet = base + VNET;
    const ip = base + PAYLOAD;
    if (view.getUint8(vnet + VnetField.GsoType) !== GsoType.None) {
      return this.large ? longestSegment(view, vnet, ip, length) : -1;
    }
    return completeChecksum(this.#memory, vnet, ip, length) ? length : -1;
  }

  /** True if the frame in `slot` is a large send. */
  isLarge(slot: number): boolean {
    const vnet = slot * this.stride + VNET;
    return this.view.getUint8(vnet + VnetField.GsoType) !== GsoType.None;
  }

  /** Keeps a slot for a request, or for those that are to be made. */
  use(slot: number): void {
    this.#uses[slot]!++;
  }

  /** Ends a {@linkcode use}. After the last one the slot is free. */
  endUse(slot: number): void {
    if (--this.#uses[slot]! === 0) this.unreserve(slot);
  }

  /** Registers the memory with another device, after {@linkcode detach}. Throws as the constructor. */
  attach(library: Registrar, pd: bigint): void {
    this.#memory.register(library, pd);
    const { lkey } = this.#memory;
    this.requests.setLkey(lkey);
    this.connectedRequests.setLkey(lkey);
  }

  /** Ends the registration with the device. The queue pairs must be closed; the slots keep their contents. */
  detach(): void {
    this.#memory.close();
  }

  close(): void {
    this.detach();
    this.requests.close();
    this.connectedRequests.close();
  }
}
