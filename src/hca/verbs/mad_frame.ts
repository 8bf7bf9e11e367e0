/**
 * A MAD and its address, as they pass between the thread that has libibumad and the one that has the port: over a
 * SOCK_SEQPACKET pair, a frame a message.
 *
 * | offset | bytes | part                                       |
 * |--------|-------|--------------------------------------------|
 * | 0      | 2     | LID                                        |
 * | 2      | 2     | P_Key index                                |
 * | 4      | 4     | QPN                                        |
 * | 8      | 4     | Q_Key                                      |
 * | 12     | 1     | SL                                         |
 * | 13     | 1     | 1 if there is a GRH: else the next are zero |
 * | 14     | 1     | hop limit                                  |
 * | 15     | 1     | traffic class                              |
 * | 16     | 4     | flow label                                 |
 * | 20     | 16    | GID of the other end                       |
 * | 36     | 1     | index of our own GID                       |
 * | 37     | 3     | zero                                       |
 * | 40     | 256   | MAD                                        |
 *
 * Big-endian. The two ends are threads of one process.
 */

import { GID_LENGTH } from "../../wire/gid.ts";
import { MAD_LENGTH } from "../../wire/mad.ts";
import type { MadAddress } from "../hca.ts";

const LID = 0;
const PKEY_INDEX = 2;
const QPN = 4;
const QKEY = 8;
const SL = 12;
const GRH_PRESENT = 13;
const HOP_LIMIT = 14;
const TRAFFIC_CLASS = 15;
const FLOW_LABEL = 16;
const GID = 20;
const SGID_INDEX = 36;
const MAD_OFFSET = 40;
export const FRAME_LENGTH = MAD_OFFSET + MAD_LENGTH;

/** The frame of a MAD; one that is shorter than 256 bytes is filled up with zeros. */
export function emitMadFrame(
  mad: Uint8Array,
  address: MadAddress,
): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(FRAME_LENGTH);
  const view = new DataView(frame.buffer);
  const { grh } = address;
  view.setUint16(LID, address.lid);
  view.setUint16(PKEY_INDEX, address.pkeyIndex);
  view.setUint32(QPN, address.qpn);
  view.setUint32(QKEY, address.qkey);
  view.setUint8(SL, address.sl);
  if (grh) {
    view.setUint8(GRH_PRESENT, 1);
    view.setUint8(HOP_LIMIT, grh.hopLimit);
    view.setUint8(TRAFFIC_CLASS, grh.trafficClass);
    view.setUint32(FLOW_LABEL, grh.flowLabel);
    frame.set(grh.gid, GID);
    view.setUint8(SGID_INDEX, grh.sgidIndex);
  }
  frame.set(mad.subarray(0, MAD_LENGTH), MAD_OFFSET);
  return frame;
}

/** The MAD and the address of a frame; undefined if the length is wrong. */
export function parseMadFrame(
  frame: Uint8Array,
): { mad: Uint8Array; address: MadAddress } | undefined {
  if (frame.length !== FRAME_LENGTH) return undefined;
  const view = new DataView(frame.buffer, frame.byteOffset, FRAME_LENGTH);
  const grh = view.getUint8(GRH_PRESENT) === 0 ? undefined : {
    gid: frame.slice(GID, GID + GID_LENGTH),
    sgidIndex: view.getUint8(SGID_INDEX),
    flowLabel: view.getUint32(FLOW_LABEL),
    hopLimit: view.getUint8(HOP_LIMIT),
    trafficClass: view.getUint8(TRAFFIC_CLASS),
  };
  return {
    mad: frame.subarray(MAD_OFFSET),
    address: {
      lid: view.getUint16(LID),
      pkeyIndex: view.getUint16(PKEY_INDEX),
      qpn: view.getUint32(QPN),
      qkey: view.getUint32(QKEY),
      sl: view.getUint8(SL),
      ...(grh ? { grh } : {}),
    },
  };
}
