/** The send memory of a port of the fake fabric (fake.ts): slots in an ordinary buffer, at invented addresses. */

import { ENCAP_LENGTH } from "../base/units.ts";
import { FRAME_HEADER_LENGTH } from "../wire/ethernet.ts";
import { MAX_IP_PACKET } from "../wire/ipv4.ts";
import { VNET_HEADER_LENGTH } from "../wire/vnet.ts";
import type { LentSlots } from "../system/frames.ts";
import type { SendMemory, SlotLayout } from "./send_memory.ts";

/** Bits of the address space that each port of the fabric has. */
const PORT_BITS = 32;

/** Offsets of a packet in a slot. */
export const LAYOUT: SlotLayout = {
  encap: 0,
  vnet: ENCAP_LENGTH,
  ethernet: ENCAP_LENGTH + VNET_HEADER_LENGTH,
  payload: ENCAP_LENGTH + FRAME_HEADER_LENGTH,
};
/** Bytes from one slot to the next. */
export const STRIDE = 65536 + 32;

/** Returns the address of the memory of the fabric's port `index`, which counts from 1. */
export function memoryAddress(index: number): bigint {
  return BigInt(index) << BigInt(PORT_BITS);
}

/**
 * Converts the address of a frame of `length` bytes, or of a part of its packet, to the index of its port and the offset
 * in the port's memory. Throws a RangeError for other addresses, or if the bytes exceed the slot.
 */
export function locateFrame(
  address: bigint,
  length: number,
): { index: number; at: number } {
  const at = Number(BigInt.asUintN(PORT_BITS, address));
  const offset = at % STRIDE;
  const valid = offset === LAYOUT.vnet || offset >= LAYOUT.payload;
  if (!valid || length > STRIDE - offset) {
    throw new RangeError(`No frame of ${length} bytes at ${address}`);
  }
  return { index: Number(address >> BigInt(PORT_BITS)), at };
}

/** The slots of a port, with reference counts. */
export class FakeSendMemory implements SendMemory {
  readonly layout = LAYOUT;
  readonly frameCapacity = MAX_IP_PACKET + FRAME_HEADER_LENGTH;
  readonly stride = STRIDE;
  readonly slots: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly vnetAddress: readonly bigint[];
  /** Reservations that fail: none, all except urgent ones ("normal"), or all. */
  withhold: "nothing" | "normal" | "all" = "nothing";
  /** True after a failed `reserve`, until the port calls its credit listeners. */
  starved = false;
  readonly #free: number[];
  readonly #references: number[];
  readonly #misuse: string[];

  constructor(base: bigint, slots: number, misuse: string[]) {
    this.slots = slots;
    this.bytes = new Uint8Array(slots * STRIDE);
    this.view = new DataView(this.bytes.buffer);
    this.vnetAddress = Array.from(
      { length: slots },
      (_, slot) => base + BigInt(slot * STRIDE + LAYOUT.vnet),
    );
    this.#free = Array.from({ length: slots }, (_, slot) => slot);
    this.#references = new Array(slots).fill(0);
    this.#misuse = misuse;
  }

  get queueSize(): number {
    return this.slots;
  }

  /** Number of free slots. */
  get free(): number {
    return this.#free.length;
  }

  reserve(urgent = false): number {
    const refused = this.withhold === "all" ||
      (this.withhold === "normal" && !urgent);
    const slot = refused ? undefined : this.#free.pop();
    if (slot === undefined) {
      this.starved = true;
      return -1;
    }
    this.#references[slot] = 1;
    return slot;
  }

  unreserve(slot: number): void {
    this.unref(slot);
  }

  /** Lends all free slots to `borrower`. */
  lendTo(borrower: LentSlots): void {
    for (const slot of this.#free.splice(0)) borrower.add(slot);
  }

  takeLent(slot: number): void {
    this.#references[slot] = 1;
  }

  /** Adds a reference to a slot. */
  ref(slot: number): void {
    this.#references[slot]!++;
  }

  /** Removes a reference, and frees the slot with the last one. */
  unref(slot: number): void {
    if (!this.holds(slot)) {
      this.#misuse.push(`slot ${slot} was freed while it was free`);
      return;
    }
    if (--this.#references[slot]! === 0) this.#free.push(slot);
  }

  /** True if the slot has references. */
  holds(slot: number): boolean {
    return (this.#references[slot] ?? 0) > 0;
  }
}
