/**
 * The port's send memory: slots in one memfd that peers map read-only, with a reference count for each.
 *
 * The free list is a stack: the slot returned last is in the cache and is used first. Where a reactor on io_uring reads
 * by itself some of the free slots are with the kernel (the group); they count as free.
 */

import { cString, libc } from "../../../ffi/libc.ts";
import { Fd } from "../../system/fd.ts";
import { createMemory, Mapping } from "../../system/memory.ts";
import type { LentSlots } from "../../system/frames.ts";
import { FRAME_HEADER_LENGTH } from "../../wire/ethernet.ts";
import type { SendMemory, SlotLayout } from "../hca.ts";
import {
  CAPACITY,
  ENCAP,
  ETHERNET,
  PAYLOAD,
  STRIDE,
  VNET,
} from "./slot_layout.ts";

const O_RDONLY_CLOEXEC = 0x80000;
/** Slots that stay for what the engine itself sends while a group has others. */
const KEPT = 32;
/** Slots that the group has: what is read between two turns. Few, so that they stay in the cache (64 cost 6 % more CPU per GB). */
const POSTED = 32;

/** See {@linkcode SendMemory}. */
export class SlotPool implements SendMemory {
  readonly layout: SlotLayout = {
    encap: ENCAP,
    vnet: VNET,
    ethernet: ETHERNET,
    payload: PAYLOAD,
    capacity: CAPACITY,
  };
  readonly frameCapacity = CAPACITY + FRAME_HEADER_LENGTH;
  readonly stride = STRIDE;
  readonly slots: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly words: Int32Array;
  readonly vnetAddress: readonly bigint[];
  /** The memory as peers get it: a descriptor that cannot be mapped for writing. */
  readonly readOnly: Fd;
  /** Asked for when no slot is free: takes what peers have returned meanwhile. */
  collect: () => void = () => {};
  /** While true, no slots are handed out: a peer is being waited for. */
  held = false;
  /** True since `reserve` last failed. */
  starved = false;

  readonly #mapping: Mapping;
  readonly #free: Int32Array;
  #freeCount: number;
  readonly #references: Int32Array;
  #group: LentSlots | undefined;

  constructor(slots: number) {
    this.slots = slots;
    using memory = createMemory("ipoib-slots", slots * STRIDE);
    this.readOnly = readOnlyCopy(memory);
    this.#mapping = new Mapping(memory.number, slots * STRIDE, "write");
    this.bytes = this.#mapping.bytes;
    this.view = new DataView(this.#mapping.buffer);
    this.words = new Int32Array(this.#mapping.buffer);
    this.vnetAddress = slotAddresses(this.#mapping.address, slots);
    this.#free = new Int32Array(slots);
    for (let i = 0; i < slots; i++) this.#free[i] = slots - 1 - i;
    this.#freeCount = slots;
    this.#references = new Int32Array(slots);
  }

  /** How many slots are free now, those with the kernel among them. */
  get free(): number {
    return this.#freeCount + (this.#group?.available ?? 0);
  }

  /** True if the next frame finds a slot: the kernel has some, or can be given some. */
  get ready(): boolean {
    const group = this.#group;
    return group
      ? group.available > 0 || this.#freeCount > KEPT
      : this.#freeCount > 0;
  }

  lendTo(group: LentSlots): void {
    this.#group = group;
    this.post();
  }

  takeLent(slot: number): void {
    this.#references[slot] = 1;
  }

  /** Keeps the kernel supplied, once a turn; not while a peer is being waited for, so that the network device's queue fills. */
  post(): void {
    const group = this.#group;
    if (!group || group.available >= POSTED / 2) return;
    if (this.#freeCount <= KEPT || this.held) this.collect();
    while (
      !this.held && group.available < POSTED && this.#freeCount > KEPT
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

  close(): void {
    this.readOnly.close();
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

function readOnlyCopy(memory: Fd): Fd {
  const path = cString(`/proc/self/fd/${memory.number}`);
  const copy = libc().open(path, O_RDONLY_CLOEXEC, 0);
  // Without /proc the peers get the descriptor itself: they are as trusted as the directory of the subnet.
  return new Fd(copy >= 0 ? copy : memory.release());
}
