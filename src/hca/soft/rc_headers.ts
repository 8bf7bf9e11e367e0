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

import { RC_SEND_ONLY } from "../../wire/transport_headers.ts";
import { BTH, DETH, STRIDE } from "./slot_layout.ts";

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
