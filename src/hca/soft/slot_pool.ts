/**
 * The send memory of one interface: slots in a memfd that peers of its partition map read-only, with a reference count
 * for each slot.
 *
 * The free list is a stack, because the slot returned last is most likely in the cache. With io_uring, free slots are
 * lent to the kernel, which reads frames into them; a lent slot counts as free until it is filled.
 */

import type { Fd } from "../../system/fd.ts";
import {
  createMemory,
  Mapping,
  sealAgainstWriting,
} from "../../system/memory.ts";
import type { LentSlots } from "../../system/frames.ts";
import { FRAME_HEADER_LENGTH } from "../../wire/ethernet.ts";
import { MAX_IP_PACKET } from "../../wire/ipv4.ts";
import type { SendMemory, SlotLayout } from "../send_memory.ts";
import type { Pending, PendingList } from "../../base/pending_list.ts";
import { ENCAP, ETHERNET, PAYLOAD, STRIDE, VNET } from "./slot_layout.ts";

/** Number of free slots that are not lent, but kept for packets of the engine itself. */
const RESERVED_SLOTS = 32;
/**
 * Number of slots lent to the kernel, thus of frames per turn. Few slots stay in the cache (64: 6 % more CPU per GB).
 */
const POSTED_SLOTS = 32;

/** See {@linkcode SendMemory}. */
export class SlotPool implements SendMemory, Pending {
  readonly layout: SlotLayout = {
    encap: ENCAP,
    vnet: VNET,
    ethernet: ETHERNET,
    payload: PAYLOAD,
  };
  readonly frameCapacity = MAX_IP_PACKET + FRAME_HEADER_LENGTH;
  readonly stride = STRIDE;
  /** The memory's number, unique within the port. */
  readonly number: number;
  readonly slots: number;
  readonly queueSize: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly words: Int32Array;
  readonly vnetAddress: readonly bigint[];
  /** True while the kernel has used lent slots that {@linkcode post} has not replaced yet. */
  dirty = false;
  /** Called when slots run short: collects the slots that peers have returned. */
  collect: () => void = () => {};
  /** Called when {@linkcode held} or {@linkcode starved} is set. */
  needed: () => void = () => {};
  #held = false;
  #starved = false;

  readonly #touched: PendingList<SlotPool>;
  readonly #mapping: Mapping;
  #memory: Fd;
  readonly #free: Int32Array;
  #freeCount: number;
  readonly #references: Int32Array;
  #group: LentSlots | undefined;

  /**
   * Throws `E_MEMFD` or `E_MMAP`.
   *
   * @param slots number of slots, all free
   * @param touched the port's pools whose lent slots the kernel has used in this turn
   */
  constructor(slots: number, number: number, touched: PendingList<SlotPool>) {
    this.slots = slots;
    this.queueSize = slots;
    this.number = number;
    this.#touched = touched;
    using parts = new DisposableStack();
    this.#memory = parts.use(createMemory("ipoib-slots", slots * STRIDE));
    this.#mapping = new Mapping(this.#memory.number, slots * STRIDE, "write");
    parts.adopt(this.#mapping, (mapping) => mapping.unmap());
    sealAgainstWriting(this.#memory);
    parts.move();
    this.bytes = this.#mapping.bytes;
    this.view = new DataView(this.#mapping.buffer);
    this.words = new Int32Array(this.#mapping.buffer);
    this.vnetAddress = slotAddresses(this.#mapping.address, slots);
    this.#free = new Int32Array(slots);
    for (let i = 0; i < slots; i++) this.#free[i] = slots - 1 - i;
    this.#freeCount = slots;
    this.#references = new Int32Array(slots);
  }

  /** While true, only urgent packets get slots: packets wait for a peer's credit. */
  get held(): boolean {
    return this.#held;
  }

  set held(on: boolean) {
    this.#held = on;
    if (on) this.needed();
  }

  /** Set when `reserve` fails or the kernel has no lent slot left; cleared by credit.ts when slots are free again. */
  get starved(): boolean {
    return this.#starved;
  }

  set starved(on: boolean) {
    this.#starved = on;
    if (on) this.needed();
  }

  /** Descriptor of the memory, which can be mapped read-only. */
  get memory(): number {
    return this.#memory.number;
  }

  /** Number of free slots, including those lent to the kernel. */
  get free(): number {
    return this.#freeCount + (this.#group?.available ?? 0);
  }

  /** True if the next frame gets a slot: slots are lent or can be lent. */
  get ready(): boolean {
    const group = this.#group;
    return group
      ? group.available > 0 || this.#freeCount > RESERVED_SLOTS
      : this.#freeCount > 0;
  }

  lendTo(group: LentSlots): void {
    this.#group = group;
    this.post();
  }

  takeLent(slot: number): void {
    this.#references[slot] = 1;
    this.#touched.add(this);
  }

  /** Lends free slots to the kernel, once a turn. Lends none while `held`, so that the network device's queue fills. */
  post(): void {
    const group = this.#group;
    if (!group || group.available >= POSTED_SLOTS / 2) return;
    if (this.#freeCount <= RESERVED_SLOTS || this.held) this.collect();
    while (
      !this.held && group.available < POSTED_SLOTS &&
      this.#freeCount > RESERVED_SLOTS
    ) group.add(this.#free[--this.#freeCount]!);
    if (group.available === 0) this.starved = true;
  }

  reserve(urgent = false): number {
    if (this.#freeCount === 0 || this.held) this.collect();
    if (this.#freeCount === 0 || (this.held && !urgent)) {
      this.starved = true;
      return -1;
    }
    const slot = this.#free[--this.#freeCount]!;
    this.#references[slot] = 1;
    return slot;
  }

  unreserve(slot: number): void {
    this.unref(slot);
  }

  /** Adds a reference to `slot`. */
  ref(slot: number): void {
    this.#references[slot]!++;
  }

  /** Drops a reference to `slot`; the last one frees it. */
  unref(slot: number): void {
    if (--this.#references[slot]! === 0) this.#free[this.#freeCount++] = slot;
  }

  /**
   * Replaces the memory by a new memfd at the same address, with a copy of all slots in use. Peers that have mapped the
   * old memory see no later packet. The caller has closed all links. Throws `E_MEMFD` or `E_MMAP`.
   */
  renew(): void {
    const bytes = this.slots * STRIDE;
    using parts = new DisposableStack();
    const memory = parts.use(createMemory("ipoib-slots", bytes));
    const other = parts.use(new Mapping(memory.number, bytes, "write"));
    for (let slot = 0; slot < this.slots; slot++) {
      if (this.#references[slot] === 0) continue;
      const base = slot * STRIDE;
      other.bytes.set(this.bytes.subarray(base, base + STRIDE), base);
    }
    this.#mapping.replace(memory.number);
    sealAgainstWriting(memory);
    parts.move();
    other.unmap();
    this.#memory.close();
    this.#memory = memory;
  }

  /** Unmaps the memory. */
  close(): void {
    this.#touched.remove(this);
    this.#memory.close();
    this.#mapping.unmap();
  }
}

/** Returns the address of the virtio header of each slot in a memory that begins at address `start`. */
export function slotAddresses(start: bigint, slots: number): bigint[] {
  return Array.from(
    { length: slots },
    (_, slot) => start + BigInt(slot * STRIDE + VNET),
  );
}
