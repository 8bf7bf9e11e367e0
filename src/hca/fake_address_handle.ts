/** Address handles of the fake fabric (fake.ts). */

import { FIRST_MLID } from "../wire/lrh.ts";
import type {
  AddressHandle,
  AddressHandleAttributes,
} from "./address_handle.ts";

/** An address handle that records its destruction. */
export class FakeAddressHandle implements AddressHandle {
  readonly attributes: AddressHandleAttributes;
  /** True if the DLID is a multicast LID. */
  readonly multicast: boolean;
  destroyed = false;
  readonly #misuse: string[];
  readonly #open: Set<FakeAddressHandle>;

  /** @param open the handles of the port that are not destroyed; the constructor adds this one */
  constructor(
    attributes: AddressHandleAttributes,
    misuse: string[],
    open: Set<FakeAddressHandle>,
  ) {
    this.attributes = attributes;
    this.#open = open;
    open.add(this);
    this.multicast = attributes.dlid >= FIRST_MLID;
    this.#misuse = misuse;
  }

  destroy(): void {
    if (this.destroyed) {
      this.#misuse.push("an address handle was destroyed twice");
    }
    this.destroyed = true;
    this.#open.delete(this);
  }
}
