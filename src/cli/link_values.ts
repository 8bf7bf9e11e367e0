/** Values of the words of `link set` and `link add`; all throw `E_USAGE`. */

import { usageError } from "./errors.ts";
import { parseInteger } from "./options.ts";

const MAX_PKEY = 0xffff;

export function readMtu(value: string): number {
  const mtu = parseInteger(value);
  if (mtu === undefined || mtu > 65520) {
    throw usageError(`MTU "${value}" is not a number up to 65520`);
  }
  return mtu;
}

export function readMode(value: string): "datagram" | "connected" {
  if (value === "datagram" || value === "connected") return value;
  throw usageError(`Mode "${value}" is neither datagram nor connected`);
}

export function readUmcast(value: string): boolean {
  if (value === "0" || value === "1") return value === "1";
  throw usageError(`Value "${value}" of umcast is neither 0 nor 1`);
}

/** Any 16 bits: which of them are P_Keys of a child is for the driver to say. */
export function readPkey(value: string): number {
  const pkey = parseInteger(value);
  if (pkey === undefined || pkey > MAX_PKEY) {
    throw usageError(`P_Key "${value}" is not a number up to 0xffff`);
  }
  return pkey;
}
