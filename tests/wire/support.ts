/** What the tests of the wire formats share: golden bytes, prefilled buffers, seeded mutations. */

import fc from "fast-check";
import type { LinkAddress } from "../../src/wire/link_address.ts";

/** The bytes of hexadecimal text; white space and comments from # to the end of a line do not count. */
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

/** The bytes of a file under tests/golden. */
export function golden(name: string): Uint8Array<ArrayBuffer> {
  return hex(
    Deno.readTextFileSync(new URL(`../golden/${name}.hex`, import.meta.url)),
  );
}

/** A view of all of `bytes`. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A buffer full of 0xa5, in which a byte that was not written shows. */
export function prefilled(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(length).fill(0xa5);
}

/** A number from 0 to `limit` - 1. */
export type Random = (limit: number) => number;

/** Pseudo-random numbers, the same for the same seed (xorshift32). */
export function random(seed: number): Random {
  let state = seed | 0 || 1;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

/** A copy of `bytes`, a little spoilt: bytes changed, cut off, or added. */
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
    // The ends of a field's range find more than its middle.
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
