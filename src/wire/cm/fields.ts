/** Fields that several messages share: 24-bit integers and private data. */

import { CM_MESSAGE_LENGTH } from "./cm_mad.ts";

/** Reads the 24-bit integer at `offset`. */
export function getUint24(view: DataView, offset: number): number {
  return view.getUint32(offset) >>> 8;
}

/** Writes a 24-bit integer. Does not change the byte after it. */
export function setUint24(view: DataView, offset: number, value: number): void {
  view.setUint16(offset, value >>> 8 & 0xffff);
  view.setUint8(offset + 2, value & 0xff);
}

/** Returns a view of `bytes`. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Returns an empty message with `data` in its private data, which starts at `offset` and reaches to the end.
 *
 * @throws RangeError if the data is too long.
 */
export function messageWith(data: Uint8Array, offset: number): Uint8Array {
  const message = new Uint8Array(CM_MESSAGE_LENGTH);
  message.set(data, offset);
  return message;
}
