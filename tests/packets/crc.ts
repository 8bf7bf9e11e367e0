/**
 * The two CRCs of an InfiniBand packet (IBTA vol. 1 7.8), for captures: nothing on the data path computes them.
 *
 * - ICRC: CRC-32 of Ethernet over everything from the LRH to the pad, with the fields that may change on the way
 *   replaced by ones: without a GRH the LRH's VL, with one the whole LRH and the GRH's TClass, FlowLabel and HopLmt;
 *   always the BTH's Resv8a. The sample packet of IBTA 7.8 is among the tests.
 * - VCRC: CRC-16 with polynomial 0x100b, bits reflected, seed and final complement of ones, from the LRH to the
 *   ICRC. Its parameters are unverified: no published value was checked against.
 *
 * Both are stored least significant byte first.
 */

import { GRH_LENGTH } from "../../src/wire/grh.ts";
import { LinkNextHeader, LRH_LENGTH } from "../../src/wire/lrh.ts";

// Reflections of 0x04c11db7 and 0x100b.
const ICRC_TABLE = table(0xedb88320);
const VCRC_TABLE = table(0xd008);

function table(polynomial: number): Int32Array {
  return Int32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = crc & 1 ? crc >>> 1 ^ polynomial : crc >>> 1;
    }
    return crc;
  });
}

/** ICRC of a packet whose bytes from `offset` to `end` are LRH to pad; unsigned 32 bits. */
export function icrc(packet: Uint8Array, offset: number, end: number): number {
  const global = end - offset > 1 &&
    (packet[offset + 1]! & 3) === LinkNextHeader.IbaGlobal;
  const reserved = LRH_LENGTH + (global ? GRH_LENGTH : 0) + 4;
  let crc = -1;
  for (let at = offset; at < end; at++) {
    const i = at - offset;
    const variant = i === reserved
      ? 0xff
      : global
      ? globalMask(i)
      : i === 0
      ? 0xf0
      : 0;
    crc = crc >>> 8 ^ ICRC_TABLE[(crc ^ (packet[at]! | variant)) & 0xff]!;
  }
  return ~crc >>> 0;
}

/** Bits of byte `i` that a switch or a router may change in a packet with a GRH. */
function globalMask(i: number): number {
  const grh = i - LRH_LENGTH;
  if (grh < 0) return 0xff;
  if (grh === 0) return 0x0f;
  return grh <= 3 || grh === 7 ? 0xff : 0;
}

/** VCRC of the bytes from `offset` (LRH) to `end` (after the ICRC); 16 bits. */
export function vcrc(packet: Uint8Array, offset: number, end: number): number {
  let crc = 0xffff;
  for (let at = offset; at < end; at++) {
    crc = crc >>> 8 ^ VCRC_TABLE[(crc ^ packet[at]!) & 0xff]!;
  }
  return ~crc & 0xffff;
}
