/** Address handles of the fake fabric (fake.ts). */

import { FIRST_MLID } from "../wire/lrh.ts";
import type { AddressHandle, AddressHandleAttributes } from "./hca.ts";

/** An address handle that records its destruction. */
export class FakeAddressHandle implements AddressHandle {
  readonly attributes: AddressHandleAttributes;
  /** True if the DLID is a multicast LID. */
  readonly multicast: boolean;
  destroyed = false;
  readonly #misuse: string[];

  constructor(attributes: AddressHandleAttributes, misuse: string[]) {
    this.attributes = attributes;
    this.multicast = attributes.dlid >= FIRST_MLID;
    this.#misuse = misuse;
  }

  destroy(): void {
    if (this.destroyed) {
      this.#misuse.push("an address handle was destroyed twice");
    }
    this.destroyed = true;
  }
}
