/**
 * MTUs, milliseconds and P_Keys. The MTU types are branded, so that the compiler rejects one in place of another.
 *
 * The IB MTU is the maximum payload of an InfiniBand packet: 256 to 4096 bytes, encoded as 1 to 5 in management
 * records. The IPoIB MTU is 4 bytes less, for the encapsulation header (RFC 4391 section 7). The MTU of the TAP is the
 * minimum of the IPoIB MTU of the port, that of the broadcast group, and the administrator's setting.
 */

import { hex } from "./hex.ts";

declare const unit: unique symbol;
type Branded<T, Name extends string> = T & { readonly [unit]: Name };

/** IB MTU code of management records: 1 (256 bytes) to 5 (4096 bytes). */
export type IbMtuCode = Branded<number, "IbMtuCode">;
/** Maximum payload of an IB packet in bytes. */
export type IbMtu = Branded<number, "IbMtu">;
/** Maximum length of an IP packet on an IPoIB link in bytes. */
export type IpoibMtu = Branded<number, "IpoibMtu">;
/** Milliseconds of a monotonic clock with an arbitrary origin. */
export type Millis = number;

/** Length of the IPoIB encapsulation header in bytes (RFC 4391 section 6). */
export const ENCAP_LENGTH = 4;
/** Minimum MTU of a TAP, which is that of connected mode (Linux ETH_MIN_MTU). */
export const MIN_DEVICE_MTU = 68;
/** Minimum MTU in datagram mode: 68 bytes plus the IPoIB header (Linux ipoib_change_mtu). */
export const MIN_DATAGRAM_MTU = MIN_DEVICE_MTU + ENCAP_LENGTH;
/** Maximum MTU in connected mode (Linux IPOIB_CM_MTU), in bytes of an IP packet. */
export const CONNECTED_MTU = 65_520;
/** Maximum length of a message on a connection, with the IPoIB header (Linux IPOIB_CM_BUF_SIZE). */
export const CONNECTED_MESSAGE = CONNECTED_MTU + ENCAP_LENGTH;

/** Returns the MTU of a code in bytes, or undefined for a code that IBTA does not define. */
export function ibMtuBytes(code: number): IbMtu | undefined {
  return code >= 1 && code <= 5 ? (128 << code) as IbMtu : undefined;
}

/** The smallest and the largest IB MTU. */
export const MIN_IB_MTU = 256 as IbMtu;
export const MAX_IB_MTU = 4096 as IbMtu;

/** Codes that Omni-Path adds, with bytes (Linux `enum opa_mtu`). They are named, but not used. */
const OPA_MTUS: Readonly<Record<number, number>> = { 6: 8192, 7: 10240 };

/** Returns the MTU of a code in bytes, those of Omni-Path included, or undefined for an undefined code. */
export function mtuCodeBytes(code: number): number | undefined {
  return ibMtuBytes(code) ?? OPA_MTUS[code];
}

/** Formats the MTU of a code: `2048`, `8192 (Omni-Path)`, `code 9`. */
export function formatMtuCode(code: number): string {
  const opa = OPA_MTUS[code];
  return opa === undefined
    ? String(ibMtuBytes(code) ?? `code ${code}`)
    : `${opa} (Omni-Path)`;
}

/** Returns the code of an MTU in bytes, or undefined for a value without a code. */
export function ibMtuCode(bytes: number): IbMtuCode | undefined {
  const code = Math.log2(bytes) - 7;
  return Number.isInteger(code) && code >= 1 && code <= 5
    ? code as IbMtuCode
    : undefined;
}

/** Returns the IPoIB MTU of an IB MTU, in bytes (RFC 4391 section 7). */
export function ipoibMtu(mtu: IbMtu): IpoibMtu {
  return (mtu - ENCAP_LENGTH) as IpoibMtu;
}

/** Membership bit of a P_Key (bit 15): set for full members. */
export const FULL_MEMBER = 0x8000;

/** Returns true if two P_Keys match: same nonzero partition, at least one full member (IBTA vol. 1 10.9.3). */
export function pkeysMatch(a: number, b: number): boolean {
  return (a & 0x7fff) !== 0 && (a & 0x7fff) === (b & 0x7fff) &&
    ((a | b) & FULL_MEMBER) !== 0;
}

/** Formats a P_Key as the kernel driver does: `0x8001`. */
export function formatPkey(pkey: number): string {
  return hex(pkey);
}

/** Formats a PID; 0 stands for that of a process which is not visible, as in another PID namespace. */
export function formatPid(pid: number): string {
  return `pid ${pid === 0 ? "unknown" : pid}`;
}

/** Returns the smallest power of two that is at least `n`, for an integer from 1 to 2^31. */
export function powerOfTwo(n: number): number {
  return 2 ** (32 - Math.clz32(n - 1));
}

/** Length of the part of a parent's name in the name of a child (Linux ipoib_vlan.c). */
const CHILD_NAME_PARENT_PART = 10;

/** Returns ib_ipoib's name for a child: the first ten characters of the parent's name and the P_Key as written. */
export function childName(parent: string, written: number): string {
  const key = written.toString(16).padStart(4, "0");
  return `${parent.slice(0, CHILD_NAME_PARENT_PART)}.${key}`;
}
