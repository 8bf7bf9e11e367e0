/**
 * Management datagrams (MADs): the 24-byte common header of all classes (IBTA vol. 1 13.4.2).
 *
 * | offset | bytes  | field           | offset | bytes  | field             |
 * |--------|--------|-----------------|--------|--------|-------------------|
 * | 0      | 1      | BaseVersion, 1  | 6      | 2      | ClassSpecific     |
 * | 1      | 1      | MgmtClass       | 8      | 8      | TransactionID     |
 * | 2      | 1      | ClassVersion    | 16     | 2      | AttributeID       |
 * | 3      | 1      | Method          | 18     | 2      | reserved          |
 * | 4      | 2      | Status          | 20     | 4      | AttributeModifier |
 *
 * A MAD is always 256 bytes, big-endian. {@linkcode MadView} reads and writes the header in place,
 * {@linkcode MadHeader} is the parsed header, and {@linkcode MadAddress} is the source or destination of a MAD.
 */

import { hex } from "../base/hex.ts";

/** Bytes of a MAD. */
export const MAD_LENGTH = 256;
/** BaseVersion. */
export const MAD_BASE_VERSION = 1;

/** Queue pair of the general services interface. */
export const GSI_QPN = 1;
/** Q_Key of every MAD on QP1 (IBTA vol. 1 10.2.5). */
export const GSI_QKEY = 0x80010000;

/** Destination of a sent MAD or source of a received one. */
export interface MadAddress {
  lid: number;
  qpn: number;
  qkey: number;
  pkeyIndex: number;
  sl: number;
  /** Low bits of the LID of this port, the source of a sent MAD or the destination of a received one. Default: 0. */
  pathBits?: number;
  /** Present if the MAD has a GRH. MADs on the embedded subnet have none. */
  grh?: MadGrh;
}

/** The GRH of a MAD. */
export interface MadGrh {
  /** GID of the remote port, 16 bytes: the DGID of a sent MAD, the SGID of a received one. */
  gid: Uint8Array;
  /** Index of the local GID. */
  sgidIndex: number;
  flowLabel: number;
  hopLimit: number;
  trafficClass: number;
}

/** Returns the address of QP1 on the port with this LID. `pkeyIndex` refers to the sender's P_Key table. */
export function gsiAddress(lid: number, pkeyIndex = 0, sl = 0): MadAddress {
  return { lid, qpn: GSI_QPN, qkey: GSI_QKEY, pkeyIndex, sl };
}

/** Management classes. */
export const MgmtClass = {
  SubnLidRouted: 0x01,
  SubnAdm: 0x03,
  CommunicationManagement: 0x07,
} as const;

/** Methods. Bit 7 marks a response. */
export const Method = {
  Get: 0x01,
  Set: 0x02,
  Send: 0x03,
  Trap: 0x05,
  Report: 0x06,
  TrapRepress: 0x07,
  GetTable: 0x12,
  GetMulti: 0x14,
  Delete: 0x15,
  GetResp: 0x81,
  ReportResp: 0x86,
  GetTableResp: 0x92,
  DeleteResp: 0x95,
} as const;

const METHOD_RESPONSE = 0x80;

/** True for a response method, which has bit 7 set (IBTA vol. 1 13.4.5). */
export function isResponse(method: number): boolean {
  return (method & METHOD_RESPONSE) !== 0;
}

/** Returns the response method of a request method: GetResp for both Get and Set (IBTA vol. 1 13.4.5). */
export function responseMethod(method: number): number {
  return method === Method.Set ? Method.GetResp : method | METHOD_RESPONSE;
}

/** Status codes: common ones, and those of the SA class in the high byte (IBTA vol. 1 13.4.7, 15.2.1). */
export const MadStatus = {
  Ok: 0x0000,
  Busy: 0x0001,
  Redirect: 0x0002,
  BadVersion: 0x0004,
  UnsupportedMethod: 0x0008,
  UnsupportedMethodAttribute: 0x000c,
  InvalidValue: 0x001c,
  NoResources: 0x0100,
  RequestInvalid: 0x0200,
  NoRecords: 0x0300,
  TooManyRecords: 0x0400,
  InvalidGid: 0x0500,
  InsufficientComponents: 0x0600,
  RequestDenied: 0x0700,
} as const;

const STATUS_TEXT = new Map<number, string>([
  [MadStatus.Ok, "ok"],
  [MadStatus.Busy, "busy"],
  [MadStatus.Redirect, "redirect required"],
  [MadStatus.BadVersion, "class version not supported"],
  [MadStatus.UnsupportedMethod, "method not supported"],
  [MadStatus.UnsupportedMethodAttribute, "method and attribute not supported"],
  [MadStatus.InvalidValue, "invalid attribute value"],
  [MadStatus.NoResources, "no resources"],
  [MadStatus.RequestInvalid, "request invalid"],
  [MadStatus.NoRecords, "no records"],
  [MadStatus.TooManyRecords, "too many records"],
  [MadStatus.InvalidGid, "invalid GID"],
  [MadStatus.InsufficientComponents, "insufficient components"],
  [MadStatus.RequestDenied, "request denied"],
]);

/** Formats a status for messages: `0x0600 (insufficient components)`. */
export function formatMadStatus(status: number): string {
  const text = STATUS_TEXT.get(status) ?? "unknown status";
  return `${hex(status)} (${text})`;
}

const Offset = {
  baseVersion: 0,
  mgmtClass: 1,
  classVersion: 2,
  method: 3,
  status: 4,
  classSpecific: 6,
  transactionId: 8,
  attributeId: 16,
  reserved: 18,
  attributeModifier: 20,
} as const;

/** A view of the common header in place. `base` is the offset of the MAD in `view`. */
export class MadView {
  constructor(readonly view: DataView, readonly base = 0) {}

  /** Returns a view of the header of `mad`, 256 bytes. */
  static of(mad: Uint8Array): MadView {
    return new MadView(
      new DataView(mad.buffer, mad.byteOffset, mad.byteLength),
    );
  }

  get baseVersion(): number {
    return this.view.getUint8(this.base + Offset.baseVersion);
  }
  get mgmtClass(): number {
    return this.view.getUint8(this.base + Offset.mgmtClass);
  }
  get method(): number {
    return this.view.getUint8(this.base + Offset.method);
  }
  get isResponse(): boolean {
    return isResponse(this.method);
  }
  get status(): number {
    return this.view.getUint16(this.base + Offset.status);
  }
  /** Low half of the TransactionID, chosen by the client. With libibumad the kernel sets the high half. */
  get transactionIdLow(): number {
    return this.view.getUint32(this.base + Offset.transactionId + 4);
  }
  set transactionIdLow(value: number) {
    this.view.setUint32(this.base + Offset.transactionId + 4, value);
  }
  get attributeId(): number {
    return this.view.getUint16(this.base + Offset.attributeId);
  }
}

/** The parsed common header, without BaseVersion, which is always 1. */
export interface MadHeader {
  mgmtClass: number;
  classVersion: number;
  method: number;
  status: number;
  classSpecific: number;
  /** 64 bits. */
  transactionId: bigint;
  attributeId: number;
  attributeModifier: number;
}

export const MadHeader = {
  /** Parses the header of a MAD. Returns undefined if the MAD is not 256 bytes of base version 1. */
  parse(mad: Uint8Array): MadHeader | undefined {
    if (mad.length !== MAD_LENGTH || mad[0] !== MAD_BASE_VERSION) {
      return undefined;
    }
    const view = new DataView(mad.buffer, mad.byteOffset, mad.byteLength);
    return {
      mgmtClass: view.getUint8(Offset.mgmtClass),
      classVersion: view.getUint8(Offset.classVersion),
      method: view.getUint8(Offset.method),
      status: view.getUint16(Offset.status),
      classSpecific: view.getUint16(Offset.classSpecific),
      transactionId: view.getBigUint64(Offset.transactionId),
      attributeId: view.getUint16(Offset.attributeId),
      attributeModifier: view.getUint32(Offset.attributeModifier),
    };
  },

  /** Writes the 24 bytes at the beginning of `mad`. */
  emit(header: MadHeader, mad: Uint8Array): void {
    const view = new DataView(mad.buffer, mad.byteOffset, mad.byteLength);
    view.setUint8(Offset.baseVersion, MAD_BASE_VERSION);
    view.setUint8(Offset.mgmtClass, header.mgmtClass);
    view.setUint8(Offset.classVersion, header.classVersion);
    view.setUint8(Offset.method, header.method);
    view.setUint16(Offset.status, header.status);
    view.setUint16(Offset.classSpecific, header.classSpecific);
    view.setBigUint64(Offset.transactionId, header.transactionId);
    view.setUint16(Offset.attributeId, header.attributeId);
    view.setUint16(Offset.reserved, 0);
    view.setUint32(Offset.attributeModifier, header.attributeModifier);
  },
};
