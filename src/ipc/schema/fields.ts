/**
 * Schemas of common fields of the control socket's records.
 *
 * Formats in the records of an interface: link-layer addresses are text of 20 bytes (`80:00:00:48:fe:...`). GIDs and
 * MGIDs are text of eight groups of hexadecimal digits without leading zeros and without `::`, as in the debugfs files
 * of ib_ipoib. P_Keys are text (`0x8001`), as in the JSON of iproute2. LIDs, QPNs and Q_Keys are numbers. Rates are in
 * megabits per second, MTUs in bytes. Fields that end in `_ms` are in milliseconds. subnet_record.ts has its own
 * formats.
 */

import * as v from "valibot";

/** Returns the schema that `build` makes, which is built when it is first used: a command uses few of the records. */
export function builtLater<S extends v.GenericSchema>(
  build: () => S,
): v.LazySchema<S> {
  let built: S | undefined;
  return v.lazy(() => built ??= build());
}

/** A nonnegative integer, such as a counter or a size. */
export const count = v.pipe(v.number(), v.integer(), v.minValue(0));

/** An integer from 0 to `max`. */
const unsigned = (max: number) =>
  v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(max));

export const u16 = unsigned(0xffff);
export const u32 = unsigned(0xffffffff);

/** Text of at most 4096 characters in a request. */
export const shortText = v.pipe(v.string(), v.maxLength(4096));

/** Description of the kernel's rule for interface names, for messages. */
export const INTERFACE_NAME_RULE =
  "an interface name of 1 to 15 bytes without slash, colon or white space, not . or ..";

/** True if a name follows {@linkcode INTERFACE_NAME_RULE}. */
export function isInterfaceName(name: string): boolean {
  return /^[^\s/:\0]+$/.test(name) && name !== "." && name !== ".." &&
    new TextEncoder().encode(name).length <= 15;
}

export const interfaceName = v.pipe(
  v.string(),
  v.check(isInterfaceName, `must be ${INTERFACE_NAME_RULE}`),
);

/** An IP address as text. */
export const ipAddress = v.pipe(v.string(), v.ip("must be an IP address"));

/** True for an IP address of either family. */
export function isIpAddress(text: string): boolean {
  return v.is(ipAddress, text);
}

/** True for an IP address and the length of a prefix in bits, such as `10.9.0.1/24`. */
export function isIpPrefix(text: string): boolean {
  const [address = "", length = "", ...rest] = text.split("/");
  const bits = address.includes(":") ? 128 : 32;
  return rest.length === 0 && isIpAddress(address) &&
    /^[0-9]{1,3}$/.test(length) && Number(length) <= bits;
}

export const ipPrefix = v.pipe(
  v.string(),
  v.check(
    isIpPrefix,
    "must be an IP address and a prefix length, such as 10.9.0.1/24",
  ),
);

/** Counters by name. */
export const counters = v.record(v.string(), v.number());
