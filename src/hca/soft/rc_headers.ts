/**
 * The headers of a message of a connection in its slot.
 *
 * A message of any length is one descriptor with the opcode RC SEND only, which stands for the first, middle and last
 * packets that a wire would carry. RC packets have no DETH. The sender uses its place for notes that it needs when the
 * slot is returned; receivers, which cannot write the slot, ignore them.
 *
 * | offset   | bytes | contents                     |
 * |----------|-------|------------------------------|
 * | DETH     | 4     | payload length in bytes      |
 * | DETH + 4 | 4     | QPN of the sending queue pair |
 */

import { GRH_LENGTH } from "../../wire/grh.ts";
import { LRH_LENGTH } from "../../wire/lrh.ts";
import {
  BTH_LENGTH,
  ICRC_LENGTH,
  RC_SEND_ONLY,
} from "../../wire/transport_headers.ts";
import { hasGrh } from "../ud_headers.ts";
import { BTH, DETH, GRH, LRH, STRIDE } from "./slot_layout.ts";

/**
 * Writes the fields that differ between messages into headers that start at `base`. The PSN is written when the message
 * enters the ring ({@linkcode writePsn}).
 *
 * @param message bytes after the BTH; 0 if the message takes several packets
 */
export function writeConnectedHeaders(
  view: DataView,
  base: number,
  message: number,
  slid: number,
  pkey: number,
  destQpn: number,
): void {
  const global = hasGrh(view, base);
  const padding = -message & 3;
  const transport = message === 0
    ? 0
    : BTH_LENGTH + message + padding + ICRC_LENGTH;
  if (global) view.setUint16(base + GRH + 4, transport);
  const whole = message === 0
    ? 0
    : LRH_LENGTH + (global ? GRH_LENGTH : 0) + transport;
  view.setUint16(base + LRH + 4, whole >> 2);
  view.setUint16(base + LRH + 6, slid);
  view.setUint8(base + BTH, RC_SEND_ONLY);
  view.setUint8(base + BTH + 1, padding << 4);
  view.setUint16(base + BTH + 2, pkey);
  view.setUint32(base + BTH + 4, destQpn);
}

/** Writes the sender's notes into a slot. */
export function writeNotes(
  view: DataView,
  slot: number,
  length: number,
  sourceQpn: number,
): void {
  view.setInt32(slot * STRIDE + DETH, length);
  view.setInt32(slot * STRIDE + DETH + 4, sourceQpn);
}

/** True if the slot contains a message of a connection. */
export function isConnected(view: DataView, slot: number): boolean {
  return view.getUint8(slot * STRIDE + BTH) === RC_SEND_ONLY;
}

/** Returns the payload length that {@linkcode writeNotes} wrote. */
export function notedLength(view: DataView, slot: number): number {
  return view.getInt32(slot * STRIDE + DETH);
}

/** Returns the sending QPN that {@linkcode writeNotes} wrote. */
export function notedQpn(view: DataView, slot: number): number {
  return view.getInt32(slot * STRIDE + DETH + 4);
}

export function writePsn(view: DataView, slot: number, psn: number): void {
  view.setInt32(slot * STRIDE + BTH + 8, psn);
}

export function readPsn(view: DataView, slot: number): number {
  return view.getInt32(slot * STRIDE + BTH + 8) & 0xffffff;
}
