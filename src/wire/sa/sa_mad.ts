/**
 * Subnet administration MADs: common header, RMPP header, SA header, 200 bytes of attribute data
 * (IBTA vol. 1 15.2.1, 13.6.2).
 *
 * | offset | bytes  | field                                    |
 * |--------|--------|------------------------------------------|
 * | 24     | 1      | RMPPVersion                              |
 * | 25     | 1      | RMPPType                                 |
 * | 26     | 1      | RRespTime (7-3), RMPPFlags (2-0)         |
 * | 27     | 1      | RMPPStatus                               |
 * | 28     | 4      | SegmentNumber                            |
 * | 32     | 4      | PayloadLength or NewWindowLast           |
 * | 36     | 8      | SM_Key                                   |
 * | 44     | 2      | AttributeOffset, in units of 8 bytes     |
 * | 46     | 2      | reserved                                 |
 * | 48     | 8      | ComponentMask                            |
 * | 56     | 200    | attribute data                           |
 */

import {
  MAD_LENGTH,
  MadHeader,
  MadStatus,
  MgmtClass,
  responseMethod,
} from "../mad.ts";

/** ClassVersion of the SA class. */
export const SA_CLASS_VERSION = 2;
/** Offset of the attribute data. */
export const SA_DATA_OFFSET = 56;
/** Bytes of attribute data in one MAD. */
export const SA_DATA_LENGTH = 200;
/** Bytes of the SA header that RMPP counts as payload of every segment. */
export const SA_HEADER_LENGTH = 20;

/** Attributes of the SA class. */
export const SaAttribute = {
  ClassPortInfo: 0x01,
  Notice: 0x02,
  InformInfo: 0x03,
  NodeRecord: 0x11,
  PortInfoRecord: 0x12,
  PkeyTableRecord: 0x33,
  PathRecord: 0x35,
  McMemberRecord: 0x38,
  MultiPathRecord: 0x3a,
} as const;

/** RMPPType. */
export const RmppType = {
  None: 0,
  Data: 1,
  Ack: 2,
  Stop: 3,
  Abort: 4,
} as const;
/** RMPPFlags. */
export const RmppFlag = { Active: 1, First: 2, Last: 4 } as const;

/** RMPP header. Only the packets of an RMPP transfer (segments, ACK, STOP, ABORT) have nonzero fields. */
export interface Rmpp {
  version: number;
  type: number;
  /** 5 bits. */
  respTime: number;
  /** Bits of {@linkcode RmppFlag}. */
  flags: number;
  status: number;
  segment: number;
  /** PayloadLength of a DATA segment, NewWindowLast of an ACK. */
  payloadLength: number;
}

/** RMPP header of a MAD that does not use RMPP. */
export const NO_RMPP: Rmpp = Object.freeze({
  version: 0,
  type: RmppType.None,
  respTime: 0,
  flags: 0,
  status: 0,
  segment: 0,
  payloadLength: 0,
});

/** A parsed SA MAD. */
export interface SaMad {
  classVersion: number;
  method: number;
  status: number;
  transactionId: bigint;
  attributeId: number;
  attributeModifier: number;
  rmpp: Rmpp;
  smKey: bigint;
  /** In units of 8 bytes. */
  attributeOffset: number;
  componentMask: bigint;
  /** Up to 200 bytes. {@linkcode SaMad.parse} returns a subarray of the MAD; {@linkcode SaMad.emit} pads with zeros. */
  data: Uint8Array;
}

const Offset = {
  rmppVersion: 24,
  rmppType: 25,
  rmppTimeFlags: 26,
  rmppStatus: 27,
  segment: 28,
  payloadLength: 32,
  smKey: 36,
  attributeOffset: 44,
  componentMask: 48,
} as const;

export const SaMad = {
  /** Returns a MAD of the SA class version with these fields set and all others zero. */
  of(fields: Partial<SaMad>): SaMad {
    return {
      classVersion: SA_CLASS_VERSION,
      method: 0,
      status: MadStatus.Ok,
      transactionId: 0n,
      attributeId: 0,
      attributeModifier: 0,
      rmpp: NO_RMPP,
      smKey: 0n,
      attributeOffset: 0,
      componentMask: 0n,
      data: new Uint8Array(0),
      ...fields,
    };
  },

  /**
   * Returns the response to a request, with status 0 and no data unless `fields` override them. SM_Key is 0 in all
   * responses (IBTA vol. 1 C15-0.1.5).
   */
  answer(request: SaMad, fields: Partial<SaMad> = {}): SaMad {
    const { classVersion, transactionId, attributeId } = request;
    const { attributeModifier, componentMask } = request;
    return SaMad.of({
      ...{ classVersion, transactionId, attributeId },
      ...{ attributeModifier, componentMask },
      method: responseMethod(request.method),
      ...fields,
    });
  },

  /** Parses a complete MAD of the SA class. Returns undefined for any other MAD. Does not check the class version. */
  parse(mad: Uint8Array): SaMad | undefined {
    const header = MadHeader.parse(mad);
    if (header?.mgmtClass !== MgmtClass.SubnAdm) return undefined;
    const view = new DataView(mad.buffer, mad.byteOffset, mad.byteLength);
    const timeFlags = view.getUint8(Offset.rmppTimeFlags);
    return {
      classVersion: header.classVersion,
      method: header.method,
      status: header.status,
      transactionId: header.transactionId,
      attributeId: header.attributeId,
      attributeModifier: header.attributeModifier,
      rmpp: {
        version: view.getUint8(Offset.rmppVersion),
        type: view.getUint8(Offset.rmppType),
        respTime: timeFlags >> 3,
        flags: timeFlags & 7,
        status: view.getUint8(Offset.rmppStatus),
        segment: view.getUint32(Offset.segment),
        payloadLength: view.getUint32(Offset.payloadLength),
      },
      smKey: view.getBigUint64(Offset.smKey),
      attributeOffset: view.getUint16(Offset.attributeOffset),
      componentMask: view.getBigUint64(Offset.componentMask),
      data: mad.subarray(SA_DATA_OFFSET),
    };
  },

  /**
   * Returns the MAD's 256 bytes.
   *
   * @throws RangeError if the data is longer than 200 bytes.
   */
  emit(record: SaMad): Uint8Array {
    const mad = new Uint8Array(MAD_LENGTH);
    const view = new DataView(mad.buffer);
    MadHeader.emit(
      { ...record, mgmtClass: MgmtClass.SubnAdm, classSpecific: 0 },
      mad,
    );
    const { rmpp } = record;
    view.setUint8(Offset.rmppVersion, rmpp.version);
    view.setUint8(Offset.rmppType, rmpp.type);
    view.setUint8(Offset.rmppTimeFlags, rmpp.respTime << 3 | rmpp.flags);
    view.setUint8(Offset.rmppStatus, rmpp.status);
    view.setUint32(Offset.segment, rmpp.segment);
    view.setUint32(Offset.payloadLength, rmpp.payloadLength);
    view.setBigUint64(Offset.smKey, record.smKey);
    view.setUint16(Offset.attributeOffset, record.attributeOffset);
    view.setBigUint64(Offset.componentMask, record.componentMask);
    mad.set(record.data, SA_DATA_OFFSET);
    return mad;
  },
};
