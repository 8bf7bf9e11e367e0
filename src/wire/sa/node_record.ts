/**
 * NodeRecord, 108 bytes of attribute data (IBTA vol. 1 15.2.5.2): LID, two reserved bytes, NodeInfo (14.2.5.3),
 * NodeDescription (64 bytes). A record in a table occupies 112 bytes.
 */

import { consecutive } from "./components.ts";

/** Node types. */
export const NodeType = { ChannelAdapter: 1, Switch: 2 } as const;

/** A node and the LID of one of its ports. */
export interface NodeRecord {
  lid: number;
  /** One of {@linkcode NodeType}. */
  nodeType: number;
  numPorts: number;
  systemGuid: bigint;
  nodeGuid: bigint;
  portGuid: bigint;
  partitionCap: number;
  deviceId: number;
  revision: number;
  localPort: number;
  /** 24 bits. */
  vendorId: number;
  /** Truncated to 64 bytes of UTF-8. */
  description: string;
}

const LENGTH = 108;
const DESCRIPTION = 44;
const DESCRIPTION_LENGTH = 64;
const VERSION = 1;

export const NodeRecord = {
  /** Bytes of a record in a table: a multiple of 8. */
  STRIDE: 112,

  /** Components, indexed by component mask bit. */
  COMPONENTS: consecutive([
    ...[16, 16, 8, 8, 8, 8, 64, 64, 64, 16, 16, 32, 8, 24],
    8 * DESCRIPTION_LENGTH,
  ]),

  /** Returns the record's 108 bytes. */
  emit(record: NodeRecord): Uint8Array {
    const data = new Uint8Array(LENGTH);
    const view = new DataView(data.buffer);
    view.setUint16(0, record.lid);
    view.setUint8(4, VERSION);
    view.setUint8(5, VERSION);
    view.setUint8(6, record.nodeType);
    view.setUint8(7, record.numPorts);
    view.setBigUint64(8, record.systemGuid);
    view.setBigUint64(16, record.nodeGuid);
    view.setBigUint64(24, record.portGuid);
    view.setUint16(32, record.partitionCap);
    view.setUint16(34, record.deviceId);
    view.setUint32(36, record.revision);
    view.setUint32(40, record.localPort << 24 | record.vendorId);
    new TextEncoder().encodeInto(
      record.description,
      data.subarray(DESCRIPTION, DESCRIPTION + DESCRIPTION_LENGTH),
    );
    return data;
  },
};
