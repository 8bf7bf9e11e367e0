/** Number parsers with the semantics of the kernel functions that parse sysfs writes. */

/** `simple_strtoul(text, NULL, 0)`: parses the leading digits. Accepts no sign and no white space; 0 without digits. */
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

/** `sscanf(text, "%i")`: parses a signed 32-bit integer and ignores trailing text; undefined without digits. */
export function scanInteger(text: string): number | undefined {
  const [, sign, rest] = /^\s*(-?)(.*)$/s.exec(text)!;
  const { value, digits } = leading(rest!);
  if (!digits) return undefined;
  return Number(BigInt.asIntN(32, sign === "-" ? -value : value));
}

/** `simple_strtoul(text, NULL, 0)`: parses an unsigned 64-bit integer; 0 if the text does not begin with a digit. */
export function scanUnsigned(text: string): bigint {
  return BigInt.asUintN(64, leading(text).value);
}

/** `kstrtoul(text, 0)`: the whole text must be a number, optionally followed by one newline; otherwise undefined. */
export function parseUnsigned(text: string): number | undefined {
  const number = /^\+?(0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)\n?$/i.exec(text)?.[1];
  return number === undefined ? undefined : Number(leading(number).value);
}
