/**
 * The InfiniBand headers of a UD packet, at fixed offsets.
 *
 * | offset | bytes | part                        |
 * |--------|-------|-----------------------------|
 * | 0      | 8     | LRH                         |
 * | 8      | 40    | GRH, valid if LNH is global |
 * | 48     | 12    | BTH                         |
 * | 60     | 8     | DETH                        |
 *
 * The bytes of the GRH are reserved whether or not the packet has a GRH, as in the receive buffer of a UD queue pair.
 */

import { Grh, GRH_LENGTH, GRH_NEXT_HEADER } from "../wire/grh.ts";
import { LinkNextHeader, Lrh, LRH_LENGTH } from "../wire/lrh.ts";
import {
  BTH_LENGTH,
  DETH_LENGTH,
  ICRC_LENGTH,
  UD_SEND_ONLY,
} from "../wire/transport_headers.ts";
import type { AddressHandleAttributes } from "./address_handle.ts";

export const LRH = 0;
export const GRH = LRH + LRH_LENGTH;
export const BTH = GRH + GRH_LENGTH;
export const DETH = BTH + BTH_LENGTH;
export const UD_HEADERS_LENGTH = DETH + DETH_LENGTH;

/**
 * Writes the fields that depend on the destination only: VL, SL, LNH, DLID, BTH opcode, and the GRH if there is one.
 * The headers start at the first byte of the view.
 */
export function writePathHeaders(
  view: DataView,
  { dlid, sl, grh }: AddressHandleAttributes,
  sgid: Uint8Array,
): void {
  const link = new Lrh(view, LRH);
  link.vl = 0;
  link.setSlAndNextHeader(
    sl,
    grh ? LinkNextHeader.IbaGlobal : LinkNextHeader.IbaLocal,
  );
  link.dlid = dlid;
  view.setUint8(BTH, UD_SEND_ONLY);
  if (!grh) return;
  const global = new Grh(view, GRH);
  global.setClassAndFlow(grh.trafficClass, grh.flowLabel);
  global.nextHeader = GRH_NEXT_HEADER;
  global.hopLimit = grh.hopLimit;
  global.setSgid(sgid);
  global.setDgid(grh.dgid);
}

/**
 * Writes the fields that differ between packets into headers that start at `base`.
 *
 * @param message bytes after the DETH; 0 for a large send, whose length fields are 0 because it represents many packets
 * @param qkey signed or unsigned 32 bits
 */
export function writePacketHeaders(
  view: DataView,
  base: number,
  message: number,
  slid: number,
  pkey: number,
  destQpn: number,
  psn: number,
  qkey: number,
  sourceQpn: number,
): void {
  const length = BTH_LENGTH + DETH_LENGTH;
  writeLrhAndBth(view, base, length, message, slid, pkey, destQpn);
  view.setUint32(base + BTH + 8, psn);
  view.setInt32(base + DETH, qkey);
  view.setUint32(base + DETH + 4, sourceQpn);
}

/**
 * Writes the fields of LRH, GRH and BTH that differ between packets, except for the opcode and the PSN.
 *
 * @param transportHeaders bytes of the BTH and the headers after it
 * @param message bytes after these headers; 0 if the headers represent many packets: the length fields are then 0
 */
export function writeLrhAndBth(
  view: DataView,
  base: number,
  transportHeaders: number,
  message: number,
  slid: number,
  pkey: number,
  destQpn: number,
): void {
  const global = hasGrh(view, base);
  const padding = -message & 3;
  const transport = message === 0
    ? 0
    : transportHeaders + message + padding + ICRC_LENGTH;
  if (global) view.setUint16(base + GRH + 4, transport);
  const whole = message === 0
    ? 0
    : LRH_LENGTH + (global ? GRH_LENGTH : 0) + transport;
  view.setUint16(base + LRH + 4, whole >> 2);
  view.setUint16(base + LRH + 6, slid);
  view.setUint8(base + BTH + 1, padding << 4);
  view.setUint16(base + BTH + 2, pkey);
  view.setUint32(base + BTH + 4, destQpn);
}

/** True if the headers at `base` include a GRH. */
export function hasGrh(view: DataView, base: number): boolean {
  return (view.getUint8(base + LRH + 1) & 3) === LinkNextHeader.IbaGlobal;
}
