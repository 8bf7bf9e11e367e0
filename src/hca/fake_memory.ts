/** The send memory of a port of the fake fabric (fake.ts): slots in an ordinary buffer, at addresses that are made up. */

import { ENCAP_LENGTH } from "../base/units.ts";
import { FRAME_HEADER_LENGTH } from "../wire/ethernet.ts";
import { VNET_HEADER_LENGTH } from "../wire/vnet.ts";
import type { LentSlots } from "../system/frames.ts";
import type { SendMemory, SlotLayout } from "./hca.ts";

/** Ports stand this far apart in the fabric's address space. */
const PORT_BITS = 32;

/** How a packet lies in a slot. */
export const LAYOUT: SlotLayout = {
  encap: 0,
  vnet: ENCAP_LENGTH,
  ethernet: ENCAP_LENGTH + VNET_HEADER_LENGTH,
  payload: ENCAP_LENGTH + FRAME_HEADER_LENGTH,
};
/** The largest payload, in bytes. */
const CAPACITY = 65535;
export const STRIDE = 65536 + 32;

/** Where the memory of the fabric's port `index` (from 1) begins. */
export function memoryAddress(index: number): bigint {
  return BigInt(index) << BigInt(PORT_BITS);
}

/** The port and the offset in its memory of a frame of `length` bytes at an address; throws a RangeError beyond a slot. */
export function whereIs(
  address: bigint,
  length: number,
): { index: number; at: number } {
  const at = Number(BigInt.asUintN(PORT_BITS, address));
  const offset = at % STRIDE;
  if (offset !== LAYOUT.vnet || length > STRIDE - offset) {
    throw new RangeError(`Nothing lies at ${address} (${length} bytes)`);
  }
  return { index: Number(address >> BigInt(PORT_BITS)), at };
}

/** The slots of a port. */
export class FakeSendMemory implements SendMemory {
  readonly layout = LAYOUT;
  readonly frameCapacity = CAPACITY + FRAME_HEADER_LENGTH;
  readonly stride = STRIDE;
  readonly slots: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly vnetAddress: readonly bigint[];
  /** Hands out no slots: none at all, or urgent ones only. */
  withhold: "nothing" | "normal" | "all" = "nothing";
  /** True since `reserve` last failed. */
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

  /** Gives all free slots to the group; a test fills them and calls the netdev's `onFrame`. */
  lendTo(group: LentSlots): void {
    for (const slot of this.#free.splice(0)) group.add(slot);
  }

  takeLent(slot: number): void {
    this.#references[slot] = 1;
  }

  ref(slot: number): void {
    this.#references[slot]!++;
  }

  unref(slot: number): void {
    if (!this.holds(slot)) {
      this.#misuse.push(`slot ${slot} was given back twice`);
      return;
    }
    if (--this.#references[slot]! === 0) this.#free.push(slot);
  }

  /** True while somebody has the slot. */
  holds(slot: number): boolean {
    return (this.#references[slot] ?? 0) > 0;
  }
}
