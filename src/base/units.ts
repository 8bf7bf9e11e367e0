/**
 * The MTU notions and other units, as branded types so that they cannot be mixed up.
 *
 * IB MTU is what one InfiniBand packet may carry (256 to 4096 bytes; on the wire a code 1 to 5). The IPoIB
 * MTU is 4 bytes less, for the encapsulation header (RFC 4391 section 7). The TAP has the smaller of the
 * group's IPoIB MTU and what the administrator asked for.
 */

import { hex } from "./hex.ts";

declare const unit: unique symbol;
type Branded<T, Name extends string> = T & { readonly [unit]: Name };

/** IB MTU code of management records: 1 = 256 ... 5 = 4096 bytes. */
export type IbMtuCode = Branded<number, "IbMtuCode">;
/** Payload bytes of one IB packet. */
export type IbMtu = Branded<number, "IbMtu">;
/** Bytes of the largest IP packet on an IPoIB link. */
export type IpoibMtu = Branded<number, "IpoibMtu">;
/** Milliseconds of a monotonic clock; only differences mean anything. */
export type Millis = number;

/** Bytes of the IPoIB encapsulation header (RFC 4391 section 6). */
export const ENCAP_LENGTH = 4;

/** The bytes of an MTU code, or undefined for a code that IBTA does not define. */
export function ibMtuBytes(code: number): IbMtu | undefined {
  return code >= 1 && code <= 5 ? (128 << code) as IbMtu : undefined;
}

/** The code of an MTU in bytes, or undefined if it is none of the five. */
export function ibMtuCode(bytes: number): IbMtuCode | undefined {
  const code = Math.log2(bytes) - 7;
  return Number.isInteger(code) && code >= 1 && code <= 5
    ? code as IbMtuCode
    : undefined;
}

/** IPoIB MTU of a link whose broadcast group has this IB MTU (RFC 4391 section 7). */
export function ipoibMtu(mtu: IbMtu): IpoibMtu {
  return (mtu - ENCAP_LENGTH) as IpoibMtu;
}

/** Bit 15 of a P_Key: full member. */
export const FULL_MEMBER = 0x8000;

/** True if packets with these two P_Keys may pass: same partition, at least one full member (IBTA 10.9.3). */
export function pkeysMatch(a: number, b: number): boolean {
  return (a & 0x7fff) !== 0 && (a & 0x7fff) === (b & 0x7fff) &&
    ((a | b) & FULL_MEMBER) !== 0;
}

/** A P_Key in the driver's notation, `0x8001`. */
export function formatPkey(pkey: number): string {
  return hex(pkey);
}
