/**
 * The send slots of a port: registered memory, with a prepared work request for each slot. Only the fields that differ
 * between packets are written later.
 *
 * | offset | bytes  | part                                                                     |
 * |--------|--------|--------------------------------------------------------------------------|
 * | 38     | 12     | virtio header from the network device: all zero, as it has no offloads   |
 * | 50     | 14     | Ethernet header                                                          |
 * | 60     | 4      | IPoIB header, written over the last 4 bytes of the Ethernet header       |
 * | 64     | ..4160 | IP or ARP packet; up to 65536 if the port supports connections           |
 *
 * A message is the IPoIB header and the packet. They are contiguous, so one scatter/gather element covers them.
 */

import { Ibv, IbvSendWr, IbvSge } from "../../../ffi/verbs_layout.ts";
import { ENCAP_LENGTH } from "../../base/units.ts";
import type { LentSlots } from "../../system/frames.ts";
import { FRAME_HEADER_LENGTH } from "../../wire/ethernet.ts";
import { VNET_HEADER_LENGTH } from "../../wire/vnet.ts";
import type { SendMemory, SlotLayout } from "../hca.ts";
import { highWord, lowWord } from "./device.ts";
import { NativeMemory, RegisteredMemory, type Registrar } from "./memory.ts";

/** Offset of the IP or ARP packet in a slot. */
const PAYLOAD = 64;
const ENCAP = PAYLOAD - ENCAP_LENGTH;
const VNET = PAYLOAD - FRAME_HEADER_LENGTH;
/** Capacity of a slot in bytes of the packet, without and with connections. */
const DATAGRAM_PACKET = 4160;
const CONNECTED_PACKET = 65536;
/** Number of slots of a port. */
export const SEND_SLOTS = 512;
/** Bytes from one work request, with its scatter/gather element, to the next. */
export const WR_STRIDE = IbvSendWr.Size + IbvSge.Size;
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
  /** Bytes from one slot to the next. */
  readonly stride: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly vnetAddress: readonly bigint[];
  /** Work request `i`, at `i * WR_STRIDE`, sends slot `i`. */
  readonly requests: NativeMemory;
  /** Address of each work request, as signed 32-bit words. */
  readonly requestLow: Int32Array;
  readonly requestHigh: Int32Array;
  /** Called if no slot is free; polls send completions, which free slots. */
  collect: () => void = () => {};
  /** True if no slot was free for a reservation or for the kernel, until the port calls its credit listeners. */
  starved = false;
  readonly #memory: RegisteredMemory;
  readonly #free = new Int32Array(SEND_SLOTS);
  #freeCount = SEND_SLOTS;
  #borrower: LentSlots | undefined;

  /**
   * Throws `E_VERBS` if the memory cannot be registered.
   *
   * @param pd `struct ibv_pd *`
   * @param connections true if the slots are for the packets of connections, too
   */
  constructor(library: Registrar, pd: bigint, connections: boolean) {
    const stride = PAYLOAD + (connections ? CONNECTED_PACKET : DATAGRAM_PACKET);
    this.stride = stride;
    this.frameCapacity = stride - VNET;
    this.#memory = new RegisteredMemory(library, pd, SEND_SLOTS * stride);
    this.bytes = this.#memory.bytes;
    this.view = this.#memory.view;
    const { address, lkey } = this.#memory;
    this.vnetAddress = Array.from(
      { length: SEND_SLOTS },
      (_, slot) => address + BigInt(slot * stride + VNET),
    );
    this.requests = new NativeMemory(SEND_SLOTS * WR_STRIDE);
    this.requestLow = new Int32Array(SEND_SLOTS);
    this.requestHigh = new Int32Array(SEND_SLOTS);
    const { view } = this.requests;
    for (let slot = 0; slot < SEND_SLOTS; slot++) {
      const at = slot * WR_STRIDE;
      const request = this.requests.address + BigInt(at);
      this.requestLow[slot] = lowWord(request);
      this.requestHigh[slot] = highWord(request);
      const element = at + IbvSendWr.Size;
      const message = address + BigInt(slot * stride + ENCAP);
      view.setBigUint64(at + IbvSendWr.WrId, BigInt(slot), true);
      view.setBigUint64(
        at + IbvSendWr.SgList,
        this.requests.address + BigInt(element),
        true,
      );
      view.setInt32(at + IbvSendWr.NumSge, 1, true);
      view.setInt32(at + IbvSendWr.Opcode, Ibv.WR_SEND, true);
      view.setBigUint64(element + IbvSge.Address, message, true);
      view.setUint32(element + IbvSge.Lkey, lkey, true);
      this.#free[slot] = SEND_SLOTS - 1 - slot;
    }
  }

  /** True if there is a slot for the next frame. */
  get ready(): boolean {
    const borrower = this.#borrower;
    return borrower
      ? borrower.available > 0 || this.#freeCount > ENGINE_SLOTS
      : this.#freeCount > 0;
  }

  /** Reserves a free slot. Ignores the argument `urgent` of {@linkcode SendMemory.reserve}. */
  reserve(): number {
    if (this.#freeCount === 0) this.collect();
    if (this.#freeCount === 0) {
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
    while (borrower.available < MAX_LENT && this.#freeCount > ENGINE_SLOTS) {
      borrower.add(this.#free[--this.#freeCount]!);
    }
    if (borrower.available === 0) this.starved = true;
  }

  close(): void {
    this.requests.close();
    this.#memory.close();
  }
}
