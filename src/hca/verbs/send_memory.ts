/**
 * The send slots of a port: registered memory, and for each slot a work request that is filled in once but for what
 * differs from packet to packet.
 *
 * | offset | bytes  | part                                                                     |
 * |--------|--------|--------------------------------------------------------------------------|
 * | 38     | 12     | virtio header, as the device gives it: all zero, since it has no offloads |
 * | 50     | 14     | Ethernet header                                                          |
 * | 60     | 4      | IPoIB header, over the Ethernet header's tail, which is spent by then    |
 * | 64     | ..4160 | IP packet, ARP packet                                                    |
 *
 * A message is the IPoIB header and the packet, one piece of memory: one scatter/gather element.
 */

import { Ibv, IbvSendWr, IbvSge } from "../../../ffi/verbs_layout.ts";
import { ENCAP_LENGTH } from "../../base/units.ts";
import type { LentSlots } from "../../system/frames.ts";
import { FRAME_HEADER_LENGTH } from "../../wire/ethernet.ts";
import { VNET_HEADER_LENGTH } from "../../wire/vnet.ts";
import type { SendMemory, SlotLayout } from "../hca.ts";
import { highWord, lowWord } from "./device.ts";
import { NativeMemory, RegisteredMemory, type Registrar } from "./memory.ts";

const PAYLOAD = 64;
const ENCAP = PAYLOAD - ENCAP_LENGTH;
const VNET = PAYLOAD - FRAME_HEADER_LENGTH;
const STRIDE = 4224;
/** Slots of a port. */
export const SEND_SLOTS = 512;
/** Bytes from one work request with its element to the next. */
export const WR_STRIDE = IbvSendWr.Size + IbvSge.Size;
/** Slots that stay for what the engine itself sends while a group has others. */
const ENGINE_SLOTS = 32;
/** Slots that the group has: what is read between two turns. */
const POSTED = 64;

/** See {@linkcode SendMemory}. */
export class VerbsSendMemory implements SendMemory {
  readonly layout: SlotLayout = {
    encap: ENCAP,
    vnet: VNET,
    ethernet: VNET + VNET_HEADER_LENGTH,
    payload: PAYLOAD,
  };
  readonly frameCapacity = STRIDE - VNET;
  readonly stride = STRIDE;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly vnetAddress: readonly bigint[];
  /** Work request `i`, at `i * WR_STRIDE`, sends slot `i`. */
  readonly requests: NativeMemory;
  /** The address of each work request, in words. */
  readonly requestLow: Int32Array;
  readonly requestHigh: Int32Array;
  /** Asked for when no slot is free: takes completions. */
  collect: () => void = () => {};
  /** True since a slot was last asked for in vain. */
  starved = false;
  readonly #memory: RegisteredMemory;
  readonly #free = new Int32Array(SEND_SLOTS);
  #freeCount = SEND_SLOTS;
  #group: LentSlots | undefined;

  constructor(library: Registrar, pd: bigint) {
    this.#memory = new RegisteredMemory(library, pd, SEND_SLOTS * STRIDE);
    this.bytes = this.#memory.bytes;
    this.view = this.#memory.view;
    const { address, lkey } = this.#memory;
    this.vnetAddress = Array.from(
      { length: SEND_SLOTS },
      (_, slot) => address + BigInt(slot * STRIDE + VNET),
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
      const message = address + BigInt(slot * STRIDE + ENCAP);
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

  /** True if the next frame finds a slot. */
  get ready(): boolean {
    const group = this.#group;
    return group
      ? group.available > 0 || this.#freeCount > ENGINE_SLOTS
      : this.#freeCount > 0;
  }

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

  lendTo(group: LentSlots): void {
    this.#group = group;
    this.supply();
  }

  // Nothing is counted for each slot: what is not free is somebody's.
  takeLent(_slot: number): void {}

  /** Keeps the kernel supplied, once a turn. */
  supply(): void {
    const group = this.#group;
    if (!group || group.available >= POSTED / 2) return;
    if (this.#freeCount <= ENGINE_SLOTS) this.collect();
    while (group.available < POSTED && this.#freeCount > ENGINE_SLOTS) {
      group.add(this.#free[--this.#freeCount]!);
    }
    if (group.available === 0) this.starved = true;
  }

  close(): void {
    this.requests.close();
    this.#memory.close();
  }
}
