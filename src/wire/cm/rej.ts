/**
 * REJ, the refusal of a message or the end of a connection that is being established (IBTA vol. 1 12.6.7).
 *
 * | offset | bits   | field                                            |
 * |--------|--------|--------------------------------------------------|
 * | 0      | 32, 32 | LocalCommID, RemoteCommID; 0 if unknown          |
 * | 8      | 2      | message rejected                                 |
 * | 9      | 7      | RejectInfoLength                                 |
 * | 10     | 16     | Reason                                           |
 * | 12     | 576    | AdditionalRejectInfo (ARI), 72 bytes             |
 * | 84     | 1184   | PrivateData                                      |
 */

import { CM_MESSAGE_LENGTH } from "./cm_mad.ts";
import { messageWith, viewOf } from "./fields.ts";

/** The message that a REJ or MRA is about. */
export const CmSubject = {
  Req: 0,
  Rep: 1,
  /** REJ: no message. MRA: a LAP. */
  Other: 2,
} as const;

/** Reasons of a REJ (IBTA vol. 1 12.6.7.2). */
export const RejectReason = {
  NoQp: 1,
  NoResources: 3,
  Timeout: 4,
  Unsupported: 5,
  InvalidCommId: 6,
  InvalidServiceId: 8,
  InvalidTransport: 9,
  StaleConnection: 10,
  InvalidGid: 12,
  InvalidLid: 13,
  InvalidMtu: 26,
  /** Refused by the consumer. */
  Consumer: 28,
} as const;

/** Bytes of the additional reject information. */
export const ARI_LENGTH = 72;

/** A refusal. "Local" is the sender. */
export interface Rej {
  localCommId: number;
  remoteCommId: number;
  /** One of {@linkcode CmSubject}. */
  subject: number;
  /** 16 bits; known values: {@linkcode RejectReason}. */
  reason: number;
  /** Additional reject information, at most 72 bytes. */
  ari: Uint8Array;
  /** 148 bytes; {@linkcode Rej.emit} pads with zeros. */
  privateData: Uint8Array;
}

const ARI = 12;
const PRIVATE_DATA = 84;

export const Rej = {
  /** Returns a REJ with these fields set and all others zero. */
  of(fields: Partial<Rej> = {}): Rej {
    return {
      localCommId: 0,
      remoteCommId: 0,
      subject: CmSubject.Req,
      reason: 0,
      ari: new Uint8Array(0),
      privateData: new Uint8Array(0),
      ...fields,
    };
  },

  /**
   * Parses a message. Returns undefined if it does not have 232 bytes. Copies all byte fields. A RejectInfoLength of
   * more than 72 counts as 72.
   */
  parse(message: Uint8Array): Rej | undefined {
    if (message.length !== CM_MESSAGE_LENGTH) return undefined;
    const view = viewOf(message);
    const length = Math.min(view.getUint8(9) >> 1, ARI_LENGTH);
    return {
      localCommId: view.getUint32(0),
      remoteCommId: view.getUint32(4),
      subject: view.getUint8(8) >> 6,
      reason: view.getUint16(10),
      ari: message.slice(ARI, ARI + length),
      privateData: message.slice(PRIVATE_DATA),
    };
  },

  /**
   * Returns the message's 232 bytes.
   *
   * @throws RangeError if the ARI is longer than 72 bytes or the private data longer than 148 bytes.
   */
  emit(rej: Rej): Uint8Array {
    if (rej.ari.length > ARI_LENGTH) {
      throw new RangeError(
        `Reject information of ${rej.ari.length} bytes exceeds ${ARI_LENGTH}`,
      );
    }
    const message = messageWith(rej.privateData, PRIVATE_DATA);
    const view = viewOf(message);
    view.setUint32(0, rej.localCommId);
    view.setUint32(4, rej.remoteCommId);
    view.setUint8(8, rej.subject << 6);
    view.setUint8(9, rej.ari.length << 1);
    view.setUint16(10, rej.reason);
    message.set(rej.ari, ARI);
    return message;
  },
};
