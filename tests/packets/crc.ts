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

import { GRH_LENGTH } from "../../src/wire/grh.ts";
import { LinkNextHeader, LRH_LENGTH } from "../../src/wire/lrh.ts";
import { ICRC_LENGTH } from "../../src/wire/transport_headers.ts";

const VCRC_LENGTH = 2;

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

/** Returns the ICRC, unsigned 32 bits, of the bytes from `offset` (start of the LRH) to `end` (after the pad). */
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

/** Returns the variant bits of byte `i` of a packet with a GRH, except Resv8a. */
function globalMask(i: number): number {
  const grh = i - LRH_LENGTH;
  if (grh < 0) return 0xff;
  if (grh === 0) return 0x0f;
  return grh <= 3 || grh === 7 ? 0xff : 0;
}

/** Returns the VCRC, 16 bits, of the bytes from `offset` (start of the LRH) to `end` (after the ICRC). */
export function vcrc(packet: Uint8Array, offset: number, end: number): number {
  let crc = 0xffff;
  for (let at = offset; at < end; at++) {
    crc = crc >>> 8 ^ VCRC_TABLE[(crc ^ packet[at]!) & 0xff]!;
  }
  return ~crc & 0xffff;
}

/** Returns a copy of a packet, from the LRH to the pad, with both CRCs after it. */
export function withCrcs(packet: Uint8Array): Uint8Array {
  const end = packet.length;
  const vcrcAt = end + ICRC_LENGTH;
  const whole = new Uint8Array(vcrcAt + VCRC_LENGTH);
  whole.set(packet);
  const view = new DataView(whole.buffer);
  view.setUint32(end, icrc(whole, 0, end), true);
  view.setUint16(vcrcAt, vcrc(whole, 0, vcrcAt), true);
  return whole;
}
