/** Comparison of records under a component mask (IBTA vol. 1 15.4.4). */

/** Position of a component: its first bit, counted from the most significant bit of byte 0, and its length in bits. */
export type Component = readonly [bit: number, length: number];

/**
 * True if all components selected by the mask are equal in both records.
 *
 * @param layout the component of each mask bit; undefined entries are not compared
 */
export function componentsMatch(
  layout: readonly (Component | undefined)[],
  record: Uint8Array,
  request: Uint8Array,
  mask: bigint,
): boolean {
  return layout.every((component, bit) =>
    component === undefined || (mask >> BigInt(bit) & 1n) === 0n ||
    sameBits(record, request, component)
  );
}

function sameBits(
  a: Uint8Array,
  b: Uint8Array,
  [bit, length]: Component,
): boolean {
  for (let i = bit; i < bit + length; i++) {
    const differs = (a[i >> 3] ?? 0) ^ (b[i >> 3] ?? 0);
    if ((differs & 0x80 >> (i & 7)) !== 0) return false;
  }
  return true;
}

/** Returns the layout of adjacent components with these lengths in bits. */
export function consecutive(lengths: readonly number[]): Component[] {
  let bit = 0;
  return lengths.map((length) => {
    const component: Component = [bit, length];
    bit += length;
    return component;
  });
}
