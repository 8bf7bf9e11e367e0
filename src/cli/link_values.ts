/** Parsers of the values of `link set` and `link add`. Each throws `E_USAGE` for an invalid value. */

import { usageError } from "./errors.ts";
import { parseInteger } from "./options.ts";

const MAX_PKEY = 0xffff;

export function readMtu(value: string): number {
  const mtu = parseInteger(value);
  if (mtu === undefined || mtu > 65520) {
    throw usageError(`Invalid MTU "${value}"`, "expected 0 to 65520");
  }
  return mtu;
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
