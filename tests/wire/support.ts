/** Helpers of the wire format tests: golden bytes, prefilled buffers, seeded mutations. */

import { assert } from "@std/assert";
import fc from "fast-check";
import { IpAddress } from "../../src/wire/ip_address.ts";
import type { LinkAddress } from "../../src/wire/link_address.ts";

/** Decodes hexadecimal text. Ignores white space and comments from # to the end of a line. */
export function hex(text: string): Uint8Array<ArrayBuffer> {
  const digits = text.replace(/#.*/g, "").replace(/\s+/g, "");
  if (digits.length % 2 !== 0 || /[^0-9a-f]/i.test(digits)) {
    throw new SyntaxError(`Cannot read hexadecimal text "${digits}"`);
  }
  return Uint8Array.from(
    { length: digits.length / 2 },
    (_, i) => parseInt(digits.slice(2 * i, 2 * i + 2), 16),
  );
}

/** Reads the bytes of a file under tests/golden. */
export function golden(name: string): Uint8Array<ArrayBuffer> {
  return hex(
    Deno.readTextFileSync(new URL(`../golden/${name}.hex`, import.meta.url)),
  );
}

/** Parses an IP address. Fails if `text` is none. */
export function ipAddress(text: string): IpAddress {
  const address = IpAddress.parse(text);
  assert(address, `"${text}" is not an IP address`);
  return address;
}

/** Returns a view of all of `bytes`. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Returns the sum of the big-endian 16-bit words and `initial`, folded into 16 bits; without the program's code. */
export function wordSum(bytes: Uint8Array, initial = 0): number {
  let total = initial;
  for (let i = 0; i < bytes.length; i++) {
    total += i % 2 === 0 ? bytes[i]! * 256 : bytes[i]!;
  }
  while (total > 0xffff) {
    total = (total % 0x10000) + Math.floor(total / 0x10000);
  }
  return total;
}

/** Returns a buffer of 0xa5 bytes, in which unwritten bytes are visible. */
export function prefilled(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(length).fill(0xa5);
}

/** Returns an integer from 0 to `limit` - 1. */
export type Random = (limit: number) => number;

/** Returns a generator of pseudo-random numbers (xorshift32) that the seed determines. */
export function random(seed: number): Random {
  let state = seed | 0 || 1;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

/** Returns a copy of `bytes` with up to three bytes changed, and perhaps the end cut off or bytes added. */
export function mutate(
  bytes: Uint8Array,
  next: (limit: number) => number,
): Uint8Array {
  const extra = next(8) === 0 ? next(16) : 0;
  const length = next(4) === 0 ? next(bytes.length + 1) : bytes.length;
  const mutated = new Uint8Array(length + extra);
  mutated.set(bytes.subarray(0, length));
  for (let changes = next(4); changes > 0 && mutated.length > 0; changes--) {
    const at = next(mutated.length);
    // Boundary values of a field find more defects than others.
    const values = [
      0,
      0xff,
      0x7f,
      0x80,
      mutated[at]! ^ 1 << next(8),
      next(256),
    ];
    mutated[at] = values[next(values.length)]!;
  }
  return mutated;
}

/** Any link-layer address. */
export const linkAddress: fc.Arbitrary<LinkAddress> = fc.record({
  flags: fc.nat(0xff),
  qpn: fc.nat(0xffffff),
  gid: fc.uint8Array({ minLength: 16, maxLength: 16 }),
});
