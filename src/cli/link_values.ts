/** Parsers of the values of `link set` and `link add`. Each throws `E_USAGE` for an invalid value. */

import { CONNECTED_MTU, MIN_DATAGRAM_MTU } from "../base/units.ts";
import { usageError } from "./errors.ts";
import { INTERFACE_NAME_RULE, isInterfaceName } from "../ipc/schema/fields.ts";
import { parseInteger } from "./options.ts";

const MAX_PKEY = 0xffff;

/** The type of interfaces, as of `ip link add`. */
export const KIND = "ipoib";

/** Throws `E_USAGE` for another type than {@linkcode KIND}. */
export function checkType(type: string): void {
  if (type === KIND) return;
  throw usageError(
    `Link type "${type}" is not supported`,
    `use type ${KIND}, or ip for interfaces of other types`,
  );
}

export function readMtu(value: string): number {
  const mtu = parseInteger(value);
  if (mtu === undefined || mtu > CONNECTED_MTU) {
    throw usageError(
      `Invalid MTU "${value}"`,
      `expected 0 to ${CONNECTED_MTU}`,
    );
  }
  return mtu;
}

/** Throws `E_USAGE` for an MTU below the minimum of the mode, which is that of the parser in connected mode. */
export function checkMinMtu(mtu: number, mode: unknown): void {
  if (mode === "connected" || mtu >= MIN_DATAGRAM_MTU) return;
  throw usageError(
    `Invalid MTU "${mtu}"`,
    `the minimum is ${MIN_DATAGRAM_MTU} in datagram mode`,
  );
}

/** Reads the mode of the interface, or that of its operational state (`dormant`). */
export function readLinkSetMode(
  value: string,
): { mode: "datagram" | "connected" } | { linkmode: "default" | "dormant" } {
  return value === "default" || value === "dormant"
    ? { linkmode: value }
    : { mode: readMode(value) };
}

export function readName(value: string): string {
  if (isInterfaceName(value)) return value;
  throw usageError(
    `Invalid name "${value}"`,
    `expected ${INTERFACE_NAME_RULE}`,
  );
}

/** Accepts any 32-bit value. The kernel refuses values out of range. */
export function readNumber(name: string, value: string): number {
  const number = parseInteger(value);
  if (number === undefined || number > 0xffffffff) {
    throw usageError(`Invalid ${name} "${value}"`, "expected 0 to 0xffffffff");
  }
  return number;
}

export function readOnOff(name: string, value: string): boolean {
  return readOneOf(name, value, ["on", "off"]) === "on";
}

export function readOneOf<T extends string>(
  name: string,
  value: string,
  allowed: readonly T[],
): T {
  const found = allowed.find((each) => each === value);
  if (found !== undefined) return found;
  throw usageError(
    `Invalid value "${value}" for ${name}`,
    `expected ${allowed.join(" or ")}`,
  );
}

export function readMode(value: string): "datagram" | "connected" {
  if (value === "datagram" || value === "connected") return value;
  throw usageError(`Invalid mode "${value}"`, "expected datagram or connected");
}

export function readUmcast(value: string): boolean {
  if (value === "0" || value === "1") return value === "1";
  throw usageError(`Invalid umcast value "${value}"`, "expected 0 or 1");
}

/** Accepts any 16-bit value. The daemon refuses values that no child can have, as ib_ipoib does. */
export function readPkey(value: string): number {
  const pkey = parseInteger(value);
  if (pkey === undefined || pkey > MAX_PKEY) {
    throw usageError(`Invalid P_Key "${value}"`, "expected 0 to 0xffff");
  }
  return pkey;
}
