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

/** Remainders of 16 bits: the polynomial 0x100b is reflected. */
const VCRC_TABLE = Uint16Array.from({ length: 0x10000 }, (_, word) => {
  let crc = word;
  for (let bit = 0; bit < 16; bit++) {
    crc = crc & 1 ? crc >>> 1 ^ 0xd008 : crc >>> 1;
  }
  return crc;
});

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
  let crc = 0xffff;
  let at = offset;
  for (; at + 2 <= end; at += 2) {
    crc = VCRC_TABLE[crc ^ (packet[at]! | packet[at + 1]! << 8)]!;
  }
  // The remainder of one byte is that of a word whose first byte is 0.
  if (at < end) {
    crc = crc >>> 8 ^ VCRC_TABLE[((crc ^ packet[at]!) & 0xff) << 8]!;
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
