/**
 * REP, the acceptance of a REQ (IBTA vol. 1 12.6.8).
 *
 * | offset | bits    | field                                                     |
 * |--------|---------|-----------------------------------------------------------|
 * | 0      | 32, 32  | LocalCommID, RemoteCommID                                 |
 * | 8      | 32      | LocalQKey                                                 |
 * | 12     | 24      | LocalQPN                                                  |
 * | 16     | 24      | LocalEECN                                                 |
 * | 20     | 24      | StartingPSN                                               |
 * | 24     | 8, 8    | ResponderResources, InitiatorDepth                        |
 * | 26     | 5, 2, 1 | TargetACKDelay, FailoverAccepted, EndToEndFlowControl     |
 * | 27     | 3, 1    | RNRRetryCount, SRQ                                        |
 * | 28     | 64      | LocalCAGUID                                               |
 * | 36     | 1568    | PrivateData                                               |
 */

import { CM_MESSAGE_LENGTH } from "./cm_mad.ts";
import { getUint24, messageWith, setUint24, viewOf } from "./fields.ts";

/** The acceptance of a REQ. "Local" is the sender. */
export interface Rep {
  localCommId: number;
  remoteCommId: number;
  localQkey: number;
  localQpn: number;
  localEecn: number;
  /** PSN of the first packet that the receiver sends. */
  startingPsn: number;
  responderResources: number;
  initiatorDepth: number;
  /** 4.096 us times 2 to this power. */
  targetAckDelay: number;
  failoverAccepted: number;
  flowControl: boolean;
  rnrRetryCount: number;
  srq: boolean;
  /** 64 bits. */
  localCaGuid: bigint;
  /** 196 bytes; {@linkcode Rep.emit} pads with zeros. */
  privateData: Uint8Array;
}

const PRIVATE_DATA = 36;

export const Rep = {
  /** Returns a REP with these fields set and all others zero. */
  of(fields: Partial<Rep> = {}): Rep {
    return {
      localCommId: 0,
      remoteCommId: 0,
      localQkey: 0,
      localQpn: 0,
      localEecn: 0,
      startingPsn: 0,
      responderResources: 0,
      initiatorDepth: 0,
      targetAckDelay: 0,
      failoverAccepted: 0,
      flowControl: false,
      rnrRetryCount: 0,
      srq: false,
      localCaGuid: 0n,
      privateData: new Uint8Array(0),
      ...fields,
    };
  },

  /** Parses a message. Returns undefined if it does not have 232 bytes. Copies the private data. */
  parse(message: Uint8Array): Rep | undefined {
    if (message.length !== CM_MESSAGE_LENGTH) return undefined;
    const view = viewOf(message);
    const delay = view.getUint8(26);
    const retries = view.getUint8(27);
    return {
      localCommId: view.getUint32(0),
      remoteCommId: view.getUint32(4),
      localQkey: view.getUint32(8),
      localQpn: getUint24(view, 12),
      localEecn: getUint24(view, 16),
      startingPsn: getUint24(view, 20),
      responderResources: view.getUint8(24),
      initiatorDepth: view.getUint8(25),
      targetAckDelay: delay >> 3,
      failoverAccepted: delay >> 1 & 3,
      flowControl: (delay & 1) !== 0,
      rnrRetryCount: retries >> 5,
      srq: (retries & 0x10) !== 0,
      localCaGuid: view.getBigUint64(28),
      privateData: message.slice(PRIVATE_DATA),
    };
  },

  /**
   * Returns the message's 232 bytes.
   *
   * @throws RangeError if the private data is longer than 196 bytes.
   */
  emit(rep: Rep): Uint8Array {
    const message = messageWith(rep.privateData, PRIVATE_DATA);
    const view = viewOf(message);
    view.setUint32(0, rep.localCommId);
    view.setUint32(4, rep.remoteCommId);
    view.setUint32(8, rep.localQkey);
    setUint24(view, 12, rep.localQpn);
    setUint24(view, 16, rep.localEecn);
    setUint24(view, 20, rep.startingPsn);
    view.setUint8(24, rep.responderResources);
    view.setUint8(25, rep.initiatorDepth);
    view.setUint8(
      26,
      rep.targetAckDelay << 3 | (rep.failoverAccepted & 3) << 1 |
        (rep.flowControl ? 1 : 0),
    );
    view.setUint8(27, rep.rnrRetryCount << 5 | (rep.srq ? 0x10 : 0));
    view.setBigUint64(28, rep.localCaGuid);
    return message;
  },
};
