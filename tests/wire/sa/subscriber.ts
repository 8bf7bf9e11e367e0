/**
 * Subscriber side of trap records: emits InformInfo and parses Notice. The program itself has only the administrator's
 * side.
 */

import {
  INFORM_ANY,
  INFORM_ANY_PRODUCER,
  InformInfo,
} from "../../../src/wire/sa/inform_info.ts";
import type { Notice } from "../../../src/wire/sa/notice.ts";

/** Returns a subscription to a generic trap from any source; trap number INFORM_ANY subscribes to all traps. */
export function informTrap(trapNumber: number, subscribe = true): InformInfo {
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
}

/** Emits an InformInfo as 36 bytes. */
export function emitInformInfo(info: InformInfo): Uint8Array {
  const data = new Uint8Array(InformInfo.LENGTH);
  const view = new DataView(data.buffer);
  data.set(info.gid);
  view.setUint16(16, info.lidRangeBegin);
  view.setUint16(18, info.lidRangeEnd);
  view.setUint8(22, info.isGeneric ? 1 : 0);
  view.setUint8(23, info.subscribe ? 1 : 0);
  view.setUint16(24, info.type);
  view.setUint16(26, info.trapNumber);
  view.setUint32(28, info.qpn << 8 | info.respTime & 31);
  view.setUint32(32, info.producerType & 0xffffff);
  return data;
}

/** Parses the 80 bytes of a Notice. */
export function parseNotice(data: Uint8Array): Notice {
  const view = new DataView(data.buffer, data.byteOffset);
  const type = view.getUint32(0);
  const count = view.getUint16(8);
  return {
    isGeneric: (type & 0x80000000) !== 0,
    type: type >>> 24 & 0x7f,
    producerType: type & 0xffffff,
    trapNumber: view.getUint16(4),
    issuerLid: view.getUint16(6),
    toggle: (count & 0x8000) !== 0,
    count: count & 0x7fff,
    details: data.slice(10, 64),
    issuerGid: data.slice(64, 80),
  };
}

/** Returns the GID in the details of traps 64 to 67. */
export function noticeGid({ details }: Notice): Uint8Array {
  return details.slice(6, 22);
}
