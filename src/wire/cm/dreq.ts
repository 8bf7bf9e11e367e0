/**
 * DREQ, the request to end a connection (IBTA vol. 1 12.6.10).
 *
 * | offset | bits   | field                                             |
 * |--------|--------|---------------------------------------------------|
 * | 0      | 32, 32 | LocalCommID, RemoteCommID                         |
 * | 8      | 24     | RemoteQPN: queue pair of the receiver             |
 * | 12     | 1760   | PrivateData                                       |
 */

import { CM_MESSAGE_LENGTH } from "./cm_mad.ts";
import { getUint24, messageWith, setUint24, viewOf } from "./fields.ts";

/** The request to end a connection. "Local" is the sender. */
export interface Dreq {
  localCommId: number;
  remoteCommId: number;
  /** QPN of the receiver's queue pair. */
  remoteQpn: number;
  /** 220 bytes; {@linkcode Dreq.emit} pads with zeros. */
  privateData: Uint8Array;
}

const PRIVATE_DATA = 12;

export const Dreq = {
  /** Parses a message. Returns undefined if it does not have 232 bytes. Copies the private data. */
  parse(message: Uint8Array): Dreq | undefined {
    if (message.length !== CM_MESSAGE_LENGTH) return undefined;
    const view = viewOf(message);
    return {
      localCommId: view.getUint32(0),
      remoteCommId: view.getUint32(4),
      remoteQpn: getUint24(view, 8),
      privateData: message.slice(PRIVATE_DATA),
    };
  },

  /**
   * Returns the message's 232 bytes.
   *
   * @throws RangeError if the private data is longer than 220 bytes.
   */
  emit(dreq: Dreq): Uint8Array {
    const message = messageWith(dreq.privateData, PRIVATE_DATA);
    const view = viewOf(message);
    view.setUint32(0, dreq.localCommId);
    view.setUint32(4, dreq.remoteCommId);
    setUint24(view, 8, dreq.remoteQpn);
    return message;
  },
};
