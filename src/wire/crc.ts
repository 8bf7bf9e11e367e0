/**
 * The two CRCs of an InfiniBand packet (IBTA vol. 1 7.8), for captures. The data path does not compute them.
 *
 * - ICRC: the CRC-32 of Ethernet, from the LRH to the pad, with ones in place of the variant fields. These are the
 *   BTH's Resv8a, without a GRH the LRH's VL, and with a GRH the whole LRH and the GRH's TClass, FlowLabel and HopLmt.
 *   The tests include the sample packet of IBTA 7.8.
 * - VCRC: a CRC-16 with polynomial 0x100b, reflected bits, seed and final complement of ones, from the LRH to the ICRC.
 *   Its parameters were not verified with a published value.
 *
 * Both are stored with the least significant byte first.
 */

import { crc32 } from "node:zlib";
import { GRH_LENGTH } from "./grh.ts";
import { LinkNextHeader, LRH_LENGTH } from "./lrh.ts";
import { BTH_LENGTH, ICRC_LENGTH } from "./transport_headers.ts";

/** Bytes of the variant CRC. */
export const VCRC_LENGTH = 2;

/** Offset of Resv8a in the BTH. */
const RESV8A = 4;
const MAX_HEADERS = LRH_LENGTH + GRH_LENGTH + BTH_LENGTH;

/** The headers with ones in place of the variant fields. */
const masked = new Uint8Array(MAX_HEADERS);

/** The polynomial 0x100b, reflected. */
const VCRC_POLYNOMIAL = 0xd008;
/** Bytes that one step of the VCRC takes. */
const STEP = 8;
/** The remainder of byte `b` followed by `n` bytes of 0, at `n << 8 | b`. */
const VCRC_TABLE = new Uint16Array(STEP << 8);
for (let at = 0; at < VCRC_TABLE.length; at++) {
  const followed = at >= 256;
  let crc = followed ? VCRC_TABLE[at - 256]! : at;
  for (let bit = 0; bit < 8; bit++) {
    crc = crc & 1 ? crc >>> 1 ^ VCRC_POLYNOMIAL : crc >>> 1;
  }
  VCRC_TABLE[at] = crc;
}

/** Returns the ICRC, unsigned 32 bits, of the bytes from `offset` (start of the LRH) to `end` (after the pad). */
export function icrc(packet: Uint8Array, offset: number, end: number): number {
  const global = end - offset > 1 &&
    (packet[offset + 1]! & 3) === LinkNextHeader.IbaGlobal;
  const transport = LRH_LENGTH + (global ? GRH_LENGTH : 0);
  const headers = Math.min(transport + BTH_LENGTH, end - offset);
  const copy = masked.subarray(0, headers);
  copy.set(packet.subarray(offset, offset + headers));
  if (global) maskGlobal(copy);
  else copy[0]! |= 0xf0;
  if (transport + RESV8A < headers) copy[transport + RESV8A] = 0xff;
  return crc32(packet.subarray(offset + headers, end), crc32(copy));
}

/** Sets the whole LRH and the variant fields of the GRH. */
function maskGlobal(headers: Uint8Array): void {
  headers.fill(0xff, 0, LRH_LENGTH);
  const grh = LRH_LENGTH;
  headers[grh]! |= 0x0f;
  headers.fill(0xff, grh + 1, grh + 4);
  headers[grh + 7] = 0xff;
}

/** Returns the VCRC, 16 bits, of the bytes from `offset` (start of the LRH) to `end` (after the ICRC). */
export function vcrc(packet: Uint8Array, offset: number, end: number): number {
  const table = VCRC_TABLE;
  let crc = 0xffff;
  let at = offset;
  for (; at + STEP <= end; at += STEP) {
    crc = table[0x700 | (packet[at]! ^ crc & 0xff)]! ^
      table[0x600 | (packet[at + 1]! ^ crc >>> 8)]! ^
      table[0x500 | packet[at + 2]!]! ^
      table[0x400 | packet[at + 3]!]! ^
      table[0x300 | packet[at + 4]!]! ^
      table[0x200 | packet[at + 5]!]! ^
      table[0x100 | packet[at + 6]!]! ^
      table[packet[at + 7]!]!;
  }
  for (; at < end; at++) {
    crc = crc >>> 8 ^ table[packet[at]! ^ crc & 0xff]!;
  }
  return ~crc & 0xffff;
}

/** Writes both CRCs at `end`, after the pad of the packet that starts with its LRH at `offset`. */
export function writeCrcs(
  packet: Uint8Array,
  view: DataView,
  offset: number,
  end: number,
): void {
  const vcrcAt = end + ICRC_LENGTH;
  view.setUint32(end, icrc(packet, offset, end), true);
  view.setUint16(vcrcAt, vcrc(packet, offset, vcrcAt), true);
}
