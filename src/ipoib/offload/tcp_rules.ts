/** The rules of TCP segments for coalescing. */

import { IpProtocol } from "../../wire/ipv4.ts";
import { tcpHeaderLength } from "../../wire/large_send.ts";
import { TcpField, TcpFlag } from "../../wire/transport_fields.ts";
import { GSO_ECN } from "../../wire/vnet.ts";
import type { TransportRules } from "./coalescing_rules.ts";

/** Flags that only the last segment of a frame has after segmentation. */
const LAST_ONLY = TcpFlag.Fin | TcpFlag.Psh;
/** Flags of segments that are never the first of a frame. */
const ALONE = LAST_ONLY | TcpFlag.Urg | TcpFlag.Syn | TcpFlag.Rst;
/** Flags in which the segments of a frame may differ. Only the first one has CWR after segmentation. */
const MAY_DIFFER = LAST_ONLY | TcpFlag.Cwr;

export const tcpRules: TransportRules = {
  protocol: IpProtocol.Tcp,
  checksum: TcpField.Checksum,

  headerLength(view, at, length) {
    if (length < TcpField.Length) return 0;
    const header = tcpHeaderLength(view, at);
    return header >= TcpField.Length && header <= length ? header : 0;
  },

  starts: (view, at) => (view.getUint8(at + TcpField.Flags) & ALONE) === 0,

  continues(first, firstAt, view, at, header, _length, payload) {
    const flags = view.getUint8(at + TcpField.Flags);
    const differing = flags ^ first.getUint8(firstAt + TcpField.Flags);
    const sequence = first.getInt32(firstAt + TcpField.Sequence) + payload | 0;
    if (
      view.getInt32(at + TcpField.Sequence) !== sequence ||
      (flags & TcpFlag.Cwr) !== 0 || (differing & ~MAY_DIFFER) !== 0 ||
      view.getUint8(at + TcpField.OffsetAndFlags) !==
        first.getUint8(firstAt + TcpField.OffsetAndFlags) ||
      view.getUint16(at + TcpField.Window) !==
        first.getUint16(firstAt + TcpField.Window) ||
      view.getInt32(at + TcpField.Acknowledgment) !==
        first.getInt32(firstAt + TcpField.Acknowledgment) ||
      view.getUint16(at + TcpField.UrgentPointer) !==
        first.getUint16(firstAt + TcpField.UrgentPointer)
    ) return false;
    for (let i = TcpField.Length; i < header; i += 4) {
      if (view.getInt32(at + i) !== first.getInt32(firstAt + i)) return false;
    }
    return true;
  },

  ends: (view, at) => (view.getUint8(at + TcpField.Flags) & LAST_ONLY) !== 0,

  isCanonical: (view, at) => view.getUint16(at + TcpField.Checksum) !== 0xffff,

  finish(first, firstAt, last, lastAt) {
    const flags = first.getUint8(firstAt + TcpField.Flags) |
      last.getUint8(lastAt + TcpField.Flags) & LAST_ONLY;
    first.setUint8(firstAt + TcpField.Flags, flags);
  },

  gsoType({ tcpType }, first, firstAt) {
    const cwr = first.getUint8(firstAt + TcpField.Flags) & TcpFlag.Cwr;
    return cwr === 0 ? tcpType : tcpType | GSO_ECN;
  },
};
