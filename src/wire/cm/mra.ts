/**
 * MRA, the announcement that the answer to a message will be late (IBTA vol. 1 12.6.6).
 *
 * | offset | bits   | field                                         |
 * |--------|--------|-----------------------------------------------|
 * | 0      | 32, 32 | LocalCommID, RemoteCommID                     |
 * | 8      | 2      | message received                              |
 * | 9      | 5      | ServiceTimeout                                |
 * | 10     | 1776   | PrivateData                                   |
 */

import { CM_MESSAGE_LENGTH } from "./cm_mad.ts";
import { messageWith, viewOf } from "./fields.ts";

/** The announcement of a late answer. "Local" is the sender. */
export interface Mra {
  localCommId: number;
  remoteCommId: number;
  /** One of `CmSubject` (rej.ts). */
  subject: number;
  /** 4.096 us times 2 to this power. */
  serviceTimeout: number;
  /** 222 bytes; {@linkcode Mra.emit} pads with zeros. */
  privateData: Uint8Array;
}

const PRIVATE_DATA = 10;

export const Mra = {
  /** Parses a message. Returns undefined if it does not have 232 bytes. Copies the private data. */
  parse(message: Uint8Array): Mra | undefined {
    if (message.length !== CM_MESSAGE_LENGTH) return undefined;
    const view = viewOf(message);
    return {
      localCommId: view.getUint32(0),
      remoteCommId: view.getUint32(4),
      subject: view.getUint8(8) >> 6,
      serviceTimeout: view.getUint8(9) >> 3,
      privateData: message.slice(PRIVATE_DATA),
    };
  },

  /**
   * Returns the message's 232 bytes.
   *
   * @throws RangeError if the private data is longer than 222 bytes.
   */
  emit(mra: Mra): Uint8Array {
    const message = messageWith(mra.privateData, PRIVATE_DATA);
    const view = viewOf(message);
    view.setUint32(0, mra.localCommId);
    view.setUint32(4, mra.remoteCommId);
    view.setUint8(8, mra.subject << 6);
    view.setUint8(9, mra.serviceTimeout << 3);
    return message;
  },
};
