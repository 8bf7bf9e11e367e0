/**
 * InformInfo, 36 bytes: subscribes to traps or cancels a subscription (IBTA vol. 1 13.4.8.3).
 *
 * | offset | bytes  | field         | offset | bytes  | field                                |
 * |--------|--------|---------------|--------|--------|--------------------------------------|
 * | 0      | 16     | GID           | 24     | 2      | Type                                 |
 * | 16     | 2      | LIDRangeBegin | 26     | 2      | TrapNumber                           |
 * | 18     | 2      | LIDRangeEnd   | 28     | 4      | QPN (31-8), reserved, RespTime (4-0) |
 * | 20     | 2      | reserved      | 32     | 1      | reserved                             |
 * | 22     | 1      | IsGeneric     | 33     | 3      | ProducerType                         |
 * | 23     | 1      | Subscribe     |        |        |                                      |
 */

/** Matches every type, trap number or LID. */
export const INFORM_ANY = 0xffff;
/** Matches every producer type. */
export const INFORM_ANY_PRODUCER = 0xffffff;

/** A subscription. */
export interface InformInfo {
  /** 16 bytes. If zero, the LID range applies. */
  gid: Uint8Array;
  lidRangeBegin: number;
  lidRangeEnd: number;
  isGeneric: boolean;
  /** False cancels the subscription. */
  subscribe: boolean;
  type: number;
  trapNumber: number;
  /** Destination queue pair of the reports. A cancellation must have the same QPN. */
  qpn: number;
  respTime: number;
  producerType: number;
}

const LENGTH = 36;

export const InformInfo = {
  LENGTH,
  /** Offset of Subscribe. Only the values 0 and 1 are defined. */
  SUBSCRIBE: 23,

  /** Parses the record. Returns undefined if there are fewer than 36 bytes. */
  parse(data: Uint8Array): InformInfo | undefined {
    if (data.length < LENGTH) return undefined;
    const view = new DataView(data.buffer, data.byteOffset, LENGTH);
    const qpn = view.getUint32(28);
    return {
      gid: data.slice(0, 16),
      lidRangeBegin: view.getUint16(16),
      lidRangeEnd: view.getUint16(18),
      isGeneric: view.getUint8(22) !== 0,
      subscribe: view.getUint8(InformInfo.SUBSCRIBE) !== 0,
      type: view.getUint16(24),
      trapNumber: view.getUint16(26),
      qpn: qpn >>> 8,
      respTime: qpn & 31,
      producerType: view.getUint32(32) & 0xffffff,
    };
  },
};
