/** The records of traps as a subscriber writes and reads them; the program only has the administrator's half. */

import {
  INFORM_ANY,
  INFORM_ANY_PRODUCER,
  InformInfo,
} from "../../../src/wire/sa/inform_info.ts";
import type { Notice } from "../../../src/wire/sa/notice.ts";

/** A subscription to one generic trap of any source (or all, with INFORM_ANY). */
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

/** The 36 bytes of an InformInfo. */
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

/** Reads a Notice from its 80 bytes. */
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

/** The GID that a trap 64 to 67 is about. */
export function noticeGid({ details }: Notice): Uint8Array {
  return details.slice(6, 22);
}
