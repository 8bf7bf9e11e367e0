/**
 * MCMemberRecord, 52 bytes of attribute data (IBTA vol. 1 15.2.5.17).
 *
 * | offset | bits   | field                         | mask bits  |
 * |--------|--------|-------------------------------|------------|
 * | 0      | 128    | MGID                          | 0          |
 * | 16     | 128    | PortGID                       | 1          |
 * | 32     | 32     | Q_Key                         | 2          |
 * | 36     | 16     | MLID                          | 3          |
 * | 38     | 2+6    | MTU selector, MTU             | 4, 5       |
 * | 39     | 8      | TClass                        | 6          |
 * | 40     | 16     | P_Key                         | 7          |
 * | 42     | 2+6    | rate selector, rate           | 8, 9       |
 * | 43     | 2+6    | life time selector, life time | 10, 11     |
 * | 44     | 4+20+8 | SL, FlowLabel, HopLimit       | 12, 13, 14 |
 * | 48     | 4+4    | Scope, JoinState              | 15, 16     |
 * | 49     | 1      | ProxyJoin (bit 7)             | 17         |
 * | 50     | 16     | reserved                      |            |
 *
 * A record in a table occupies 56 bytes.
 */

import { packSelector, selectorOf, valueOf } from "./selector.ts";

/** ComponentMask bits of an MCMemberRecord. */
export const McMask = {
  Mgid: 1n << 0n,
  PortGid: 1n << 1n,
  Qkey: 1n << 2n,
  Mlid: 1n << 3n,
  MtuSelector: 1n << 4n,
  Mtu: 1n << 5n,
  Tclass: 1n << 6n,
  Pkey: 1n << 7n,
  RateSelector: 1n << 8n,
  Rate: 1n << 9n,
  LifetimeSelector: 1n << 10n,
  Lifetime: 1n << 11n,
  Sl: 1n << 12n,
  FlowLabel: 1n << 13n,
  HopLimit: 1n << 14n,
  Scope: 1n << 15n,
  JoinState: 1n << 16n,
  ProxyJoin: 1n << 17n,
} as const;

/** Join of the broadcast group: MGID, PortGID, P_Key, JoinState = 0x10083 (Linux `ipoib_mcast_join`). */
export const BROADCAST_JOIN_MASK = McMask.Mgid | McMask.PortGid | McMask.Pkey |
  McMask.JoinState;

/** Join of any other group, with the components that create it = 0x173f7 (Linux `ipoib_mcast_join`). */
export const GROUP_JOIN_MASK = BROADCAST_JOIN_MASK | McMask.Qkey |
  McMask.MtuSelector | McMask.Mtu | McMask.Tclass | McMask.RateSelector |
  McMask.Rate | McMask.Sl | McMask.FlowLabel | McMask.HopLimit;

/** Leave: MGID, PortGID, JoinState = 0x10003 (Linux `send_leave`). */
export const LEAVE_MASK = McMask.Mgid | McMask.PortGid | McMask.JoinState;

/** Bits of JoinState (IBTA vol. 1 15.2.5.17.3). */
export const JoinState = {
  /** Sends and receives, keeps the group alive, may create it. */
  FullMember: 1,
  /** Sends and receives. */
  NonMember: 2,
  /** Sends. */
  SendOnlyNonMember: 4,
  /** Sends, keeps the group alive, may create it. */
  SendOnlyFullMember: 8,
} as const;

/** Membership of a port in a multicast group. */
export interface McMemberRecord {
  /** 16 bytes. */
  mgid: Uint8Array;
  /** 16 bytes. */
  portGid: Uint8Array;
  qkey: number;
  /** 0xc000 to 0xfffe; 0 in a request. */
  mlid: number;
  mtuSelector: number;
  /** MTU code. */
  mtu: number;
  tclass: number;
  pkey: number;
  rateSelector: number;
  /** Rate code. */
  rate: number;
  lifetimeSelector: number;
  /** 4.096 us times 2 to this power. */
  lifetime: number;
  sl: number;
  flowLabel: number;
  hopLimit: number;
  scope: number;
  /** Bits of {@linkcode JoinState}. */
  joinState: number;
  proxyJoin: boolean;
}

const LENGTH = 52;

export const McMemberRecord = {
  /** Bytes of a record in a table: a multiple of 8. */
  STRIDE: 56,

  /** Returns a record with these fields set and all others zero. */
  of(fields: Partial<McMemberRecord> = {}): McMemberRecord {
    return {
      mgid: new Uint8Array(16),
      portGid: new Uint8Array(16),
      qkey: 0,
      mlid: 0,
      mtuSelector: 0,
      mtu: 0,
      tclass: 0,
      pkey: 0,
      rateSelector: 0,
      rate: 0,
      lifetimeSelector: 0,
      lifetime: 0,
      sl: 0,
      flowLabel: 0,
      hopLimit: 0,
      scope: 0,
      joinState: 0,
      proxyJoin: false,
      ...fields,
    };
  },

  /** Parses the record. Returns undefined if there are fewer than 52 bytes. */
  parse(data: Uint8Array): McMemberRecord | undefined {
    if (data.length < LENGTH) return undefined;
    const view = new DataView(data.buffer, data.byteOffset, LENGTH);
    const mtu = view.getUint8(38);
    const rate = view.getUint8(42);
    const lifetime = view.getUint8(43);
    const flow = view.getUint32(44);
    const state = view.getUint8(48);
    return {
      mgid: data.slice(0, 16),
      portGid: data.slice(16, 32),
      qkey: view.getUint32(32),
      mlid: view.getUint16(36),
      mtuSelector: selectorOf(mtu),
      mtu: valueOf(mtu),
      tclass: view.getUint8(39),
      pkey: view.getUint16(40),
      rateSelector: selectorOf(rate),
      rate: valueOf(rate),
      lifetimeSelector: selectorOf(lifetime),
      lifetime: valueOf(lifetime),
      sl: flow >>> 28,
      flowLabel: flow >>> 8 & 0xfffff,
      hopLimit: flow & 0xff,
      scope: state >> 4,
      joinState: state & 15,
      proxyJoin: (view.getUint8(49) & 0x80) !== 0,
    };
  },

  /** Returns the record's 52 bytes. */
  emit(record: McMemberRecord): Uint8Array {
    const data = new Uint8Array(LENGTH);
    const view = new DataView(data.buffer);
    data.set(record.mgid);
    data.set(record.portGid, 16);
    view.setUint32(32, record.qkey);
    view.setUint16(36, record.mlid);
    view.setUint8(38, packSelector(record.mtuSelector, record.mtu));
    view.setUint8(39, record.tclass);
    view.setUint16(40, record.pkey);
    view.setUint8(42, packSelector(record.rateSelector, record.rate));
    view.setUint8(43, packSelector(record.lifetimeSelector, record.lifetime));
    view.setUint32(
      44,
      record.sl << 28 | (record.flowLabel & 0xfffff) << 8 |
        record.hopLimit & 0xff,
    );
    view.setUint8(48, record.scope << 4 | record.joinState & 15);
    view.setUint8(49, record.proxyJoin ? 0x80 : 0);
    return data;
  },
};
