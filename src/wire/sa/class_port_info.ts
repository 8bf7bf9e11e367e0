/**
 * ClassPortInfo, 72 bytes (IBTA vol. 1 13.4.8.1).
 *
 * | offset | bits   | field                              | offset | bits   | field                        |
 * |--------|--------|------------------------------------|--------|--------|------------------------------|
 * | 0      | 8      | BaseVersion                        | 40     | 128    | TrapGID                      |
 * | 1      | 8      | ClassVersion                       | 56     | 8+4+20 | TrapTC, TrapSL, TrapFL       |
 * | 2      | 16     | CapabilityMask                     | 60     | 16     | TrapLID                      |
 * | 4      | 27+5   | CapabilityMask2, RespTimeValue     | 62     | 16     | TrapP_Key                    |
 * | 8      | 128    | RedirectGID                        | 64     | 8+24   | TrapHL, TrapQP               |
 * | 24     | 8+4+20 | RedirectTC, RedirectSL, RedirectFL | 68     | 32     | TrapQ_Key                    |
 * | 28     | 16+16  | RedirectLID, RedirectP_Key         |        |        |                              |
 * | 32     | 8+24   | reserved, RedirectQP               |        |        |                              |
 * | 36     | 32     | RedirectQ_Key                      |        |        |                              |
 *
 * The embedded subnet neither redirects nor asks for traps, so only the front matters here: the rest is kept
 * as bytes.
 */

import { MAD_BASE_VERSION } from "../mad.ts";

/** CapabilityMask of the SA: multicast groups are administered. */
export const SA_CAP_UD_MULTICAST = 1 << 9;
/** CapabilityMask of the SA: a PortInfoRecord may be asked for by some bits of its CapabilityMask. */
export const SA_CAP_PORT_INFO_CAPMASK_MATCH = 1 << 13;
/** CapabilityMask2 of the SA: PortInfoRecords are whole. */
export const SA_CAP2_FULL_PORT_INFO = 1 << 6;
/** CapabilityMask2 of the SA: JoinState 8 (SendOnlyFullMember) is understood. */
export const SA_CAP2_SENDONLY_FULL_MEMBER = 1 << 12;

/** What a management class of a port can do. */
export interface ClassPortInfo {
  classVersion: number;
  capabilityMask: number;
  /** 27 bits. */
  capabilityMask2: number;
  /** 5 bits: answers take at most 4.096 us times 2 to this power. */
  respTimeValue: number;
  /** The 64 bytes of redirect and trap addresses, all zero if there are none. */
  addresses: Uint8Array;
}

const LENGTH = 72;

export const ClassPortInfo = {
  LENGTH,

  /** Reads it; undefined if fewer than 72 bytes are there. */
  parse(data: Uint8Array, base = 0): ClassPortInfo | undefined {
    if (data.length - base < LENGTH) return undefined;
    const view = new DataView(data.buffer, data.byteOffset + base, LENGTH);
    const mask2 = view.getUint32(4);
    return {
      classVersion: view.getUint8(1),
      capabilityMask: view.getUint16(2),
      capabilityMask2: mask2 >>> 5,
      respTimeValue: mask2 & 31,
      addresses: data.slice(base + 8, base + LENGTH),
    };
  },

  /** Writes the 72 bytes; a RangeError if they do not fit. */
  emit(
    info: ClassPortInfo,
    data: Uint8Array = new Uint8Array(LENGTH),
    base = 0,
  ): Uint8Array {
    const view = new DataView(data.buffer, data.byteOffset + base, LENGTH);
    view.setUint8(0, MAD_BASE_VERSION);
    view.setUint8(1, info.classVersion);
    view.setUint16(2, info.capabilityMask);
    view.setUint32(4, info.capabilityMask2 << 5 | info.respTimeValue & 31);
    data.fill(0, base + 8, base + LENGTH);
    data.set(info.addresses.subarray(0, LENGTH - 8), base + 8);
    return data;
  },
};
