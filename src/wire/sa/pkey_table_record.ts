/**
 * P_KeyTableRecord, 72 bytes of attribute data (IBTA vol. 1 15.2.5.11): LID, block number, port number, three
 * reserved bytes, 32 P_Keys.
 */

import { consecutive } from "./components.ts";

/** P_Keys in a block. */
export const PKEYS_PER_BLOCK = 32;

/** One block of a port's P_Key table. */
export interface PkeyTableRecord {
  lid: number;
  block: number;
  portNumber: number;
  /** Up to 32. Missing entries are written as 0. */
  pkeys: readonly number[];
}

const LENGTH = 72;
const PKEYS = 8;

export const PkeyTableRecord = {
  /** Bytes of a record in a table: a multiple of 8. */
  STRIDE: 72,

  /** Components, indexed by component mask bit. */
  COMPONENTS: consecutive([16, 16, 8]),

  /** Returns the record's 72 bytes. */
  emit(record: PkeyTableRecord): Uint8Array {
    const data = new Uint8Array(LENGTH);
    const view = new DataView(data.buffer);
    view.setUint16(0, record.lid);
    view.setUint16(2, record.block);
    view.setUint8(4, record.portNumber);
    record.pkeys.forEach((pkey, i) => view.setUint16(PKEYS + 2 * i, pkey));
    return data;
  },
};
