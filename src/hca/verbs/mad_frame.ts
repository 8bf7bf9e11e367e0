/**
 * A MAD and its address, as they pass between the thread that has libibumad and the one that has the port: over a
 * SOCK_SEQPACKET pair, a frame a message.
 *
 * | offset | octets | part                        |
 * |--------|--------|-----------------------------|
 * | 0      | 2      | LID                         |
 * | 2      | 2      | P_Key index                 |
 * | 4      | 4      | QPN                         |
 * | 8      | 4      | Q_Key                       |
 * | 12     | 1      | SL                          |
 * | 13     | 3      | zero                        |
 * | 16     | 256    | MAD                         |
 *
 * Big-endian. The two ends are threads of one process.
 */

import type { MadAddress } from "../hca.ts";

const LID = 0;
const PKEY_INDEX = 2;
const QPN = 4;
const QKEY = 8;
const SL = 12;
export const MAD_OFFSET = 16;
export const MAD_LENGTH = 256;
export const FRAME_LENGTH = MAD_OFFSET + MAD_LENGTH;

/** The frame of a MAD; one that is shorter than 256 octets is filled up with zeros. */
export function emitMadFrame(
  mad: Uint8Array,
  address: MadAddress,
): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(FRAME_LENGTH);
  const view = new DataView(frame.buffer);
  view.setUint16(LID, address.lid);
  view.setUint16(PKEY_INDEX, address.pkeyIndex);
  view.setUint32(QPN, address.qpn);
  view.setUint32(QKEY, address.qkey);
  view.setUint8(SL, address.sl);
  frame.set(mad.subarray(0, MAD_LENGTH), MAD_OFFSET);
  return frame;
}

/** The MAD and the address of a frame; undefined if the length is wrong. */
export function parseMadFrame(
  frame: Uint8Array,
): { mad: Uint8Array; address: MadAddress } | undefined {
  if (frame.length !== FRAME_LENGTH) return undefined;
  const view = new DataView(frame.buffer, frame.byteOffset, FRAME_LENGTH);
  return {
    mad: frame.subarray(MAD_OFFSET),
    address: {
      lid: view.getUint16(LID),
      pkeyIndex: view.getUint16(PKEY_INDEX),
      qpn: view.getUint32(QPN),
      qkey: view.getUint32(QKEY),
      sl: view.getUint8(SL),
    },
  };
}
