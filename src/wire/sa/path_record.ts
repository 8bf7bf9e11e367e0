/**
 * PathRecord, 64 bytes of attribute data (IBTA vol. 1 15.2.5.16).
 *
 * | offset | bits      | field                          | mask bits  |
 * |--------|-----------|--------------------------------|------------|
 * | 0      | 64        | ServiceID                      | 0, 1       |
 * | 8      | 128       | DGID                           | 2          |
 * | 24     | 128       | SGID                           | 3          |
 * | 40     | 16        | DLID                           | 4          |
 * | 42     | 16        | SLID                           | 5          |
 * | 44     | 1+3+20    | RawTraffic, -, FlowLabel       | 6, -, 8    |
 * | 47     | 8         | HopLimit                       | 9          |
 * | 48     | 8         | TClass                         | 10         |
 * | 49     | 1+7       | Reversible, NumbPath           | 11, 12     |
 * | 50     | 16        | P_Key                          | 13         |
 * | 52     | 12+4      | QoSClass, SL                   | 14, 15     |
 * | 54     | 2+6       | MTU selector, MTU              | 16, 17     |
 * | 55     | 2+6       | rate selector, rate            | 18, 19     |
 * | 56     | 2+6       | life time selector, life time  | 20, 21     |
 * | 57     | 8         | Preference                     | 22         |
 * | 58     | 48        | reserved                       |            |
 */

import { packSelector, selectorOf, valueOf } from "./selector.ts";

/** ComponentMask bits of a PathRecord. */
export const PathMask = {
  ServiceId: 3n << 0n,
  Dgid: 1n << 2n,
  Sgid: 1n << 3n,
  Dlid: 1n << 4n,
  Slid: 1n << 5n,
  RawTraffic: 1n << 6n,
  FlowLabel: 1n << 8n,
  HopLimit: 1n << 9n,
  Tclass: 1n << 10n,
  Reversible: 1n << 11n,
  NumbPath: 1n << 12n,
  Pkey: 1n << 13n,
  Sl: 1n << 15n,
  MtuSelector: 1n << 16n,
  Mtu: 1n << 17n,
  RateSelector: 1n << 18n,
  Rate: 1n << 19n,
  LifetimeSelector: 1n << 20n,
  Lifetime: 1n << 21n,
} as const;

/** Mask of ib_ipoib's path request: DGID, SGID, NumbPath, TClass, P_Key = 0x340c (Linux `path_rec_start`). */
export const IPOIB_PATH_MASK = PathMask.Dgid | PathMask.Sgid |
  PathMask.NumbPath | PathMask.Tclass | PathMask.Pkey;

/**
 * Packet life time of all paths and groups of the embedded subnet: 4.096 us times 2 to the 18th, about 1.07 s (OpenSM's
 * default, `subnet_timeout` 18).
 */
export const PACKET_LIFETIME_EXPONENT = 18;

/** A path between two ports. */
export interface PathRecord {
  serviceId: bigint;
  /** 16 bytes. */
  dgid: Uint8Array;
  /** 16 bytes. */
  sgid: Uint8Array;
  dlid: number;
  slid: number;
  rawTraffic: boolean;
  flowLabel: number;
  /** If greater than 0, packets on the path need a GRH. */
  hopLimit: number;
  tclass: number;
  reversible: boolean;
  numbPath: number;
  pkey: number;
  qosClass: number;
  sl: number;
  mtuSelector: number;
  /** MTU code. */
  mtu: number;
  rateSelector: number;
  /** Rate code. */
  rate: number;
  lifetimeSelector: number;
  /** 4.096 us times 2 to this power. */
  lifetime: number;
  preference: number;
}

const LENGTH = 64;

export const PathRecord = {
  LENGTH,

  /** Returns a record with these fields set and all others zero. */
  of(fields: Partial<PathRecord> = {}): PathRecord {
    return {
      serviceId: 0n,
      dgid: new Uint8Array(16),
      sgid: new Uint8Array(16),
      dlid: 0,
      slid: 0,
      rawTraffic: false,
      flowLabel: 0,
      hopLimit: 0,
      tclass: 0,
      reversible: false,
      numbPath: 0,
      pkey: 0,
      qosClass: 0,
      sl: 0,
      mtuSelector: 0,
      mtu: 0,
      rateSelector: 0,
      rate: 0,
      lifetimeSelector: 0,
      lifetime: 0,
      preference: 0,
      ...fields,
    };
  },

  /** Parses the record. Returns undefined if there are fewer than 64 bytes. */
  parse(data: Uint8Array): PathRecord | undefined {
    if (data.length < LENGTH) return undefined;
    const view = new DataView(data.buffer, data.byteOffset, LENGTH);
    const flow = view.getUint32(44);
    const numb = view.getUint8(49);
    const qos = view.getUint16(52);
    const mtu = view.getUint8(54);
    const rate = view.getUint8(55);
    const lifetime = view.getUint8(56);
    return {
      serviceId: view.getBigUint64(0),
      dgid: data.slice(8, 24),
      sgid: data.slice(24, 40),
      dlid: view.getUint16(40),
      slid: view.getUint16(42),
      rawTraffic: (flow & 0x80000000) !== 0,
      flowLabel: flow >>> 8 & 0xfffff,
      hopLimit: flow & 0xff,
      tclass: view.getUint8(48),
      reversible: (numb & 0x80) !== 0,
      numbPath: numb & 0x7f,
      pkey: view.getUint16(50),
      qosClass: qos >> 4,
      sl: qos & 15,
      mtuSelector: selectorOf(mtu),
      mtu: valueOf(mtu),
      rateSelector: selectorOf(rate),
      rate: valueOf(rate),
      lifetimeSelector: selectorOf(lifetime),
      lifetime: valueOf(lifetime),
      preference: view.getUint8(57),
    };
  },

  /** Returns the record's 64 bytes. */
  emit(record: PathRecord): Uint8Array {
    const data = new Uint8Array(LENGTH);
    const view = new DataView(data.buffer);
    view.setBigUint64(0, record.serviceId);
    data.set(record.dgid, 8);
    data.set(record.sgid, 24);
    view.setUint16(40, record.dlid);
    view.setUint16(42, record.slid);
    view.setUint32(
      44,
      (record.rawTraffic ? 0x80000000 : 0) |
        (record.flowLabel & 0xfffff) << 8 | record.hopLimit & 0xff,
    );
    view.setUint8(48, record.tclass);
    view.setUint8(49, (record.reversible ? 0x80 : 0) | record.numbPath & 0x7f);
    view.setUint16(50, record.pkey);
    view.setUint16(52, record.qosClass << 4 | record.sl & 15);
    view.setUint8(54, packSelector(record.mtuSelector, record.mtu));
    view.setUint8(55, packSelector(record.rateSelector, record.rate));
    view.setUint8(56, packSelector(record.lifetimeSelector, record.lifetime));
    view.setUint8(57, record.preference);
    return data;
  },
};
