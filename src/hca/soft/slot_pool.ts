/**
 * The memory that one interface sends from: slots in a memfd that peers of its partition map for reading, with a reference count for each.
 *
 * The free list is a stack: the slot returned last is in the cache and is used first. Where a reactor on io_uring reads
 * by itself some of the free slots are with the kernel (the group); they count as free.
 */

import type { Fd } from "../../system/fd.ts";
import {
  createMemory,
  Mapping,
  sealAgainstWriting,
} from "../../system/memory.ts";
import type { LentSlots } from "../../system/frames.ts";
import { FRAME_HEADER_LENGTH } from "../../wire/ethernet.ts";
import type { SendMemory, SlotLayout } from "../hca.ts";
import type { Pending, PendingList } from "./pending_list.ts";
import {
  CAPACITY,
  ENCAP,
  ETHERNET,
  PAYLOAD,
  STRIDE,
  VNET,
} from "./slot_layout.ts";

/** Slots that stay for what the engine itself sends while a group has others. */
const RESERVED_SLOTS = 32;
/** Slots that the group has: what is read between two turns. Few, so that they stay in the cache (64 cost 6 % more CPU per GB). */
const POSTED_SLOTS = 32;

/** See {@linkcode SendMemory}. */
export class SlotPool implements SendMemory, Pending {
  readonly layout: SlotLayout = {
    encap: ENCAP,
    vnet: VNET,
    ethernet: ETHERNET,
    payload: PAYLOAD,
  };
  readonly frameCapacity = CAPACITY + FRAME_HEADER_LENGTH;
  readonly stride = STRIDE;
  /** Tells it from the port's other pools. */
  readonly number: number;
  readonly slots: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly words: Int32Array;
  readonly vnetAddress: readonly bigint[];
  /** Set while the kernel may need more slots. */
  dirty = false;
  /** Asked for when no slot is free: takes what peers have returned meanwhile. */
  collect: () => void = () => {};
  /** While true, no slots are handed out: a peer is being waited for. */
  held = false;
  /** True since `reserve` last failed. */
  starved = false;

  readonly #touched: PendingList<SlotPool>;
  readonly #mapping: Mapping;
  #memory: Fd;
  readonly #free: Int32Array;
  #freeCount: number;
  readonly #references: Int32Array;
  #group: LentSlots | undefined;

  /** @param touched the port's pools that the kernel has taken slots from in this turn */
  constructor(slots: number, number: number, touched: PendingList<SlotPool>) {
    this.slots = slots;
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

  /** Descriptor of the memory, which a peer can map for reading only. */
  get memory(): number {
    return this.#memory.number;
  }

  /** How many slots are free now, those with the kernel among them. */
  get free(): number {
    return this.#freeCount + (this.#group?.available ?? 0);
  }

  /** True if the next frame finds a slot: the kernel has some, or can be given some. */
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
    if (!this.dirty) this.#touched.add(this);
  }

  /** Keeps the kernel supplied, once a turn; not while a peer is being waited for, so that the network device's queue fills. */
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

  /** One more holder of `slot`. */
  ref(slot: number): void {
    this.#references[slot]!++;
  }

  /** One holder less; the last one frees the slot. */
  unref(slot: number): void {
    if (--this.#references[slot]! === 0) this.#free[this.#freeCount++] = slot;
  }

  /**
   * Puts new memory in the place of what peers have mapped, with the packets that are under way in it: from now on those peers see
   * nothing. Their links have been closed.
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

  close(): void {
    this.#touched.remove(this);
    this.#memory.close();
    this.#mapping.unmap();
  }
}

/** The virtio header's address of each slot of a memory that begins at `start`. */
export function slotAddresses(start: bigint, slots: number): bigint[] {
  return Array.from(
    { length: slots },
    (_, slot) => start + BigInt(slot * STRIDE + VNET),
  );
}
