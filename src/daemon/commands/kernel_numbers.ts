/** Numbers as the kernel's functions read them from what is written into a sysfs file. */

/** `simple_strtoul(text, base 0)`: what can be read from the beginning, 0 if nothing; no sign, no blanks. */
function leading(text: string): { value: bigint; digits: boolean } {
  const [, hex, octal, decimal] =
    /^(?:0x([0-9a-f]+)|(0[0-7]*)|([1-9][0-9]*))/i.exec(text) ?? [];
  const value = hex !== undefined
    ? BigInt(`0x${hex}`)
    : octal !== undefined
    ? BigInt(`0o0${octal}`)
    : BigInt(decimal ?? 0);
  return { value, digits: (hex ?? octal ?? decimal) !== undefined };
}

/** `sscanf(text, "%i")`: 32 bits with a sign, whatever follows; undefined if there is no digit. */
export function scanInteger(text: string): number | undefined {
  const [, sign, rest] = /^\s*(-?)(.*)$/s.exec(text)!;
  const { value, digits } = leading(rest!);
  if (!digits) return undefined;
  return Number(BigInt.asIntN(32, sign === "-" ? -value : value));
}

/** `simple_strtoul(text, NULL, 0)`: 64 bits; 0 for what is no number. */
export function scanUnsigned(text: string): bigint {
  return BigInt.asUintN(64, leading(text).value);
}

/** `kstrtoul(text, 0)`: the whole text must be the number, one line end may follow; undefined if it is not. */
export function parseUnsigned(text: string): number | undefined {
  const number = /^\+?(0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)\n?$/i.exec(text)?.[1];
  return number === undefined ? undefined : Number(leading(number).value);
}
