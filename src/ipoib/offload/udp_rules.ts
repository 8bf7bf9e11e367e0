/** The rules of UDP packets for coalescing. */

import { IpProtocol } from "../../wire/ipv4.ts";
import { UdpField } from "../../wire/transport_fields.ts";
import { GsoType } from "../../wire/vnet.ts";
import type { TransportRules } from "./coalescing_rules.ts";

/** True if the header has the length of the packet and a checksum; segmentation writes both. */
function isWhole(view: DataView, at: number, length: number): boolean {
  return view.getUint16(at + UdpField.PacketLength) === length &&
    view.getUint16(at + UdpField.Checksum) !== 0;
}

export const udpRules: TransportRules = {
  protocol: IpProtocol.Udp,
  checksum: UdpField.Checksum,

  headerLength: (_view, _at, length) =>
    length >= UdpField.Length ? UdpField.Length : 0,

  starts: isWhole,

  continues: (_first, _firstAt, view, at, _header, length) =>
    isWhole(view, at, length),

  ends: () => false,

  // The kernel writes a sum of 0 as 0xffff, which is the only representation of 0 that UDP has.
  isCanonical: () => true,

  finish: (first, firstAt, _last, _lastAt, length) =>
    first.setUint16(firstAt + UdpField.PacketLength, length),

  gsoType: () => GsoType.UdpL4,
};
