/**
 * InformInfo, 36 bytes: subscribes to traps or cancels that (IBTA vol. 1 13.4.8.3).
 *
 * | offset | bytes | field         | offset | bytes | field                                |
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
  /** 16 bytes; all zero: whichever port. */
  gid: Uint8Array;
  lidRangeBegin: number;
  lidRangeEnd: number;
  isGeneric: boolean;
  /** False cancels. */
  subscribe: boolean;
  type: number;
  trapNumber: number;
  /** Queue pair that gets the reports; part of what a cancellation must match. */
  qpn: number;
  respTime: number;
  producerType: number;
}

const LENGTH = 36;

export const InformInfo = {
  LENGTH,

  /** A subscription to one generic trap of any source (or all, with {@linkcode INFORM_ANY}). */
  trap(trapNumber: number, subscribe = true): InformInfo {
    return {
      gid: new Uint8Array(16),
      lidRangeBegin: INFORM_ANY,
      lidRangeEnd: 0,
      isGeneric: true,
      subscribe,
      type: INFORM_ANY,
      trapNumber,
      qpn: 1,
      respTime: 0,
      producerType: INFORM_ANY_PRODUCER,
    };
  },

  /** Reads it; undefined if fewer than 36 bytes are there. */
  parse(data: Uint8Array, base = 0): InformInfo | undefined {
    if (data.length - base < LENGTH) return undefined;
    const view = new DataView(data.buffer, data.byteOffset + base, LENGTH);
    const qpn = view.getUint32(28);
    return {
      gid: data.slice(base, base + 16),
      lidRangeBegin: view.getUint16(16),
      lidRangeEnd: view.getUint16(18),
      isGeneric: view.getUint8(22) !== 0,
      subscribe: view.getUint8(23) !== 0,
      type: view.getUint16(24),
      trapNumber: view.getUint16(26),
      qpn: qpn >>> 8,
      respTime: qpn & 31,
      producerType: view.getUint32(32) & 0xffffff,
    };
  },

  /** Writes the 36 bytes; a RangeError if they do not fit. */
  emit(
    info: InformInfo,
    data: Uint8Array = new Uint8Array(LENGTH),
    base = 0,
  ): Uint8Array {
    const view = new DataView(data.buffer, data.byteOffset + base, LENGTH);
    data.set(info.gid, base);
    view.setUint16(16, info.lidRangeBegin);
    view.setUint16(18, info.lidRangeEnd);
    view.setUint16(20, 0);
    view.setUint8(22, info.isGeneric ? 1 : 0);
    view.setUint8(23, info.subscribe ? 1 : 0);
    view.setUint16(24, info.type);
    view.setUint16(26, info.trapNumber);
    view.setUint32(28, info.qpn << 8 | info.respTime & 31);
    view.setUint32(32, info.producerType & 0xffffff);
    return data;
  },
};
