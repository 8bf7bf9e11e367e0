/**
 * PortInfoRecord, 68 bytes of attribute data (IBTA vol. 1 15.2.5.3): LID, port number, options, PortInfo
 * (14.2.5.6). A record in a table occupies 72 bytes.
 *
 * The embedded subnet sets these PortInfo fields, by offset in the record. All others, such as LMC, are zero.
 *
 * | offset | bits  | field                                                  |
 * |--------|-------|--------------------------------------------------------|
 * | 12     | 64    | GidPrefix                                              |
 * | 20     | 16    | LID                                                    |
 * | 22     | 16    | MasterSMLID                                            |
 * | 24     | 32    | CapabilityMask                                         |
 * | 32     | 8     | LocalPortNum                                           |
 * | 33     | 8+8+8 | LinkWidthEnabled, LinkWidthSupported, LinkWidthActive  |
 * | 36     | 4+4   | LinkSpeedSupported, PortState                          |
 * | 37     | 4     | PortPhysicalState (7-4)                                |
 * | 39     | 4+4   | LinkSpeedActive, LinkSpeedEnabled                      |
 * | 40     | 4     | NeighborMTU (7-4)                                      |
 * | 41     | 4     | VLCap (7-4)                                            |
 * | 45     | 4     | MTUCap (3-0)                                           |
 * | 47     | 4     | OperationalVLs (7-4)                                   |
 * | 55     | 5     | SubnetTimeOut (4-0)                                    |
 * | 56     | 5     | RespTimeValue (4-0)                                    |
 * | 66     | 4+4   | LinkSpeedExtActive, LinkSpeedExtSupported              |
 * | 67     | 5     | LinkSpeedExtEnabled (4-0)                              |
 */

import { type Component, consecutive } from "./components.ts";

/** Bits of CapabilityMask. */
export const PortCapability = {
  IsSm: 1 << 1,
  ExtendedSpeeds: 1 << 14,
  ClientReregister: 1 << 25,
} as const;

/** Attributes of an active port of the embedded subnet. Speeds and widths are bit masks, `mtu` is an MTU code. */
export interface PortInfoRecord {
  lid: number;
  portNumber: number;
  gidPrefix: bigint;
  smLid: number;
  /** Bits of {@linkcode PortCapability}. */
  capabilityMask: number;
  linkWidth: number;
  linkSpeed: number;
  linkSpeedExt: number;
  mtu: number;
  subnetTimeout: number;
  respTimeValue: number;
}

const LENGTH = 68;
/** PortState and PortPhysicalState. */
const ACTIVE = 4;
const LINK_UP = 5;
const ONE_VL = 1;

/**
 * Lengths in bits of the PortInfo components, in the order of the component mask, starting with bit 3.
 * LinkSpeedExtActive, LinkSpeedExtSupported and LinkSpeedExtEnabled are separate components.
 */
const PORT_INFO_BITS = [
  ...[64, 64, 16, 16, 32, 16, 16, 8, 8, 8, 8, 4, 4, 4, 4, 2, 3, 3, 4, 4],
  ...[4, 4, 4, 4, 8, 8, 8, 4, 4, 3, 5, 4, 1, 1, 1, 1, 16, 16, 16, 8, 1],
  ...[2, 5, 3, 5, 4, 4, 16, 8, 24, 16, 4, 4, 3, 5],
];

export const PortInfoRecord = {
  /** Bytes of a record in a table: a multiple of 8. */
  STRIDE: 72,

  /** Components, indexed by component mask bit. Options (bit 2) is not compared. */
  COMPONENTS: consecutive([16, 8, 8, ...PORT_INFO_BITS])
    .map((component, bit) => bit === 2 ? undefined : component) as readonly (
      | Component
      | undefined
    )[],
  /** Mask bit and offset of CapabilityMask. A request may match single bits of it. */
  CAPABILITY_BIT: 1n << 7n,
  CAPABILITY_OFFSET: 24,

  /** Returns the record's 68 bytes. */
  emit(record: PortInfoRecord): Uint8Array {
    const data = new Uint8Array(LENGTH);
    const view = new DataView(data.buffer);
    view.setUint16(0, record.lid);
    view.setUint8(2, record.portNumber);
    view.setBigUint64(12, record.gidPrefix);
    view.setUint16(20, record.lid);
    view.setUint16(22, record.smLid);
    view.setUint32(24, record.capabilityMask);
    view.setUint8(32, record.portNumber);
    data.fill(record.linkWidth, 33, 36);
    view.setUint8(36, record.linkSpeed << 4 | ACTIVE);
    view.setUint8(37, LINK_UP << 4);
    view.setUint8(39, record.linkSpeed << 4 | record.linkSpeed);
    view.setUint8(40, record.mtu << 4);
    view.setUint8(41, ONE_VL << 4);
    view.setUint8(45, record.mtu);
    view.setUint8(47, ONE_VL << 4);
    view.setUint8(55, record.subnetTimeout);
    view.setUint8(56, record.respTimeValue);
    view.setUint8(66, record.linkSpeedExt << 4 | record.linkSpeedExt);
    view.setUint8(67, record.linkSpeedExt);
    return data;
  },
};
