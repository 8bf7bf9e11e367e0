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
 * BaseVersion is always 1. The other fields without a member in {@linkcode ClassPortInfo} are zero, because the
 * embedded administrator neither redirects requests nor subscribes to traps.
 */

import { MAD_BASE_VERSION } from "../mad.ts";

/** CapabilityMask of the SA: supports UD multicast groups. */
export const SA_CAP_UD_MULTICAST = 1 << 9;
/** CapabilityMask of the SA: matches PortInfoRecords by single bits of their CapabilityMask. */
export const SA_CAP_PORT_INFO_CAPMASK_MATCH = 1 << 13;
/** CapabilityMask2 of the SA: PortInfoRecords are complete. */
export const SA_CAP2_FULL_PORT_INFO = 1 << 6;
/** CapabilityMask2 of the SA: supports JoinState 8 (SendOnlyFullMember). */
export const SA_CAP2_SENDONLY_FULL_MEMBER = 1 << 12;

/** Capabilities of a management class on a port. */
export interface ClassPortInfo {
  classVersion: number;
  capabilityMask: number;
  /** 27 bits. */
  capabilityMask2: number;
  /** 5 bits. Maximum response time: 4.096 us times 2 to this power. */
  respTimeValue: number;
  /** 24 bits. */
  redirectQpn: number;
  redirectQkey: number;
  trapQkey: number;
}

const LENGTH = 72;

export const ClassPortInfo = {
  /** Returns the record's 72 bytes. */
  emit(info: ClassPortInfo): Uint8Array {
    const data = new Uint8Array(LENGTH);
    const view = new DataView(data.buffer);
    view.setUint8(0, MAD_BASE_VERSION);
    view.setUint8(1, info.classVersion);
    view.setUint16(2, info.capabilityMask);
    view.setUint32(4, info.capabilityMask2 << 5 | info.respTimeValue & 31);
    view.setUint32(32, info.redirectQpn);
    view.setUint32(36, info.redirectQkey);
    view.setUint32(68, info.trapQkey);
    return data;
  },
};
