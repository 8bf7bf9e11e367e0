/**
 * MADs of the communication management (CM) class: common header and 232 bytes of the message (IBTA vol. 1 12.6, 16.7).
 *
 * The class has one method, Send. The AttributeID is the kind of the message; all offsets in this folder count from the
 * start of the message, which follows the common header. Every message starts with the LocalCommID of its sender.
 */

import { MAD_LENGTH, MadHeader, MadStatus, Method, MgmtClass } from "../mad.ts";

/** ClassVersion of the CM class. */
export const CM_CLASS_VERSION = 2;
/** Offset of the message in the MAD. */
export const CM_MESSAGE_OFFSET = 24;
/** Bytes of the message. */
export const CM_MESSAGE_LENGTH = MAD_LENGTH - CM_MESSAGE_OFFSET;

/** Attributes of the CM class. */
export const CmAttribute = {
  Req: 0x10,
  Mra: 0x11,
  Rej: 0x12,
  Rep: 0x13,
  Rtu: 0x14,
  Dreq: 0x15,
  Drep: 0x16,
} as const;

/** A message in its MAD. */
export interface CmMad {
  /** 64 bits. libibumad replaces the high half of a sent MAD. */
  transactionId: bigint;
  attributeId: number;
  /** 232 bytes. */
  message: Uint8Array;
}

export const CmMad = {
  /**
   * Returns the header and the message, as a subarray. Returns undefined for any other MAD: a wrong length, class or
   * version, a method other than Send, or a nonzero status.
   */
  parse(mad: Uint8Array): CmMad | undefined {
    const header = MadHeader.parse(mad);
    if (
      header?.mgmtClass !== MgmtClass.CommunicationManagement ||
      header.classVersion !== CM_CLASS_VERSION ||
      header.method !== Method.Send || header.status !== MadStatus.Ok
    ) return undefined;
    return {
      transactionId: header.transactionId,
      attributeId: header.attributeId,
      message: mad.subarray(CM_MESSAGE_OFFSET),
    };
  },

  /** Returns the MAD's 256 bytes. */
  emit({ transactionId, attributeId, message }: CmMad): Uint8Array {
    const mad = new Uint8Array(MAD_LENGTH);
    MadHeader.emit({
      mgmtClass: MgmtClass.CommunicationManagement,
      classVersion: CM_CLASS_VERSION,
      method: Method.Send,
      status: MadStatus.Ok,
      classSpecific: 0,
      transactionId,
      attributeId,
      attributeModifier: 0,
    }, mad);
    mad.set(message, CM_MESSAGE_OFFSET);
    return mad;
  },
};
