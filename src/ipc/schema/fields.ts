/**
 * Building blocks of the control socket's records.
 *
 * Spellings, everywhere in records: link-layer addresses are 20 bytes as `80:00:00:48:fe:...`; GIDs and MGIDs are
 * eight groups of hexadecimal digits without leading zeros and without `::`, as in the driver's debugfs
 * files; P_Keys are `0x8001` texts, because iproute2's JSON has them so; LIDs, QPNs and Q_Keys are numbers;
 * rates are megabits per second; MTUs are bytes; times are milliseconds unless the name says otherwise.
 */

import * as v from "valibot";

/** A counter or size. */
export const count = v.pipe(v.number(), v.integer(), v.minValue(0));

/** An integer of 0 to `max`. */
const unsigned = (max: number) =>
  v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(max));

export const u16 = unsigned(0xffff);
export const u32 = unsigned(0xffffffff);

/** A short text of a request. */
export const shortText = v.pipe(v.string(), v.maxLength(4096));

/** The kernel's rule for interface names, as it is printed. */
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

/** Named counters. */
export const counters = v.record(v.string(), v.number());
