/**
 * RTU, which completes the establishment (IBTA vol. 1 12.6.9), and DREP, the answer to a DREQ (12.6.11). Both have the
 * same layout.
 *
 * | offset | bits   | field                         |
 * |--------|--------|-------------------------------|
 * | 0      | 32, 32 | LocalCommID, RemoteCommID     |
 * | 8      | 1792   | PrivateData                   |
 */

import { CM_MESSAGE_LENGTH } from "./cm_mad.ts";
import { messageWith, viewOf } from "./fields.ts";

/** A message of two communication IDs. "Local" is the sender. */
export interface CommIds {
  localCommId: number;
  remoteCommId: number;
  /** 224 bytes; {@linkcode CommIds.emit} pads with zeros. */
  privateData: Uint8Array;
}

const PRIVATE_DATA = 8;

export const CommIds = {
  /** Parses a message. Returns undefined if it does not have 232 bytes. Copies the private data. */
  parse(message: Uint8Array): CommIds | undefined {
    if (message.length !== CM_MESSAGE_LENGTH) return undefined;
    const view = viewOf(message);
    return {
      localCommId: view.getUint32(0),
      remoteCommId: view.getUint32(4),
      privateData: message.slice(PRIVATE_DATA),
    };
  },

  /**
   * Returns the message's 232 bytes.
   *
   * @throws RangeError if the private data is longer than 224 bytes.
   */
  emit(ids: CommIds): Uint8Array {
    const message = messageWith(ids.privateData, PRIVATE_DATA);
    const view = viewOf(message);
    view.setUint32(0, ids.localCommId);
    view.setUint32(4, ids.remoteCommId);
    return message;
  },
};
