/**
 * The high 8 bytes of the IPv6 gateways that frames name by number (wire/kernel_next_hop.ts).
 *
 * The next-hop program adds an entry before the first frame that refers to it, and never changes or deletes one. A copy
 * of the table is therefore correct for every number that it has, and is read again only for a new number.
 */

import { GATEWAY_PREFIXES } from "../wire/kernel_next_hop.ts";

/** Bytes of the table: 8 per entry, in network byte order; zero if the entry is free. */
export const GATEWAY_PREFIXES_LENGTH = 8 * GATEWAY_PREFIXES;

export class GatewayPrefixes {
  readonly #bytes = new Uint8Array(GATEWAY_PREFIXES_LENGTH);
  readonly #view = new DataView(this.#bytes.buffer);
  readonly #read: (table: Uint8Array<ArrayBuffer>) => void;

  /** `read` copies the program's table. Without a program it does nothing. */
  constructor(read: (table: Uint8Array<ArrayBuffer>) => void = () => {}) {
    this.#read = read;
  }

  /** Returns true if the table has an entry with this number. */
  has(number: number): boolean {
    if (number >= GATEWAY_PREFIXES) return false;
    if (this.#isUsed(number)) return true;
    this.#read(this.#bytes);
    return this.#isUsed(number);
  }

  /** Returns bytes 0 to 3 of an entry. */
  high(number: number): number {
    return this.#view.getInt32(8 * number);
  }

  /** Returns bytes 4 to 7 of an entry. */
  low(number: number): number {
    return this.#view.getInt32(8 * number + 4);
  }

  #isUsed(number: number): boolean {
    return this.high(number) !== 0 || this.low(number) !== 0;
  }
}
