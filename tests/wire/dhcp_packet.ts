/** Builds DHCP packets. */

import { emitIpv4Header } from "../../scripts/packets/ipv4_header.ts";
import { IpProtocol } from "../../src/wire/ipv4.ts";
import { ip } from "../ipoib/rig.ts";
import { viewOf } from "./support.ts";

export interface DhcpFields {
  op?: number;
  htype?: number;
  hlen?: number;
  xid?: number;
  flags?: number;
  ciaddr?: number;
  giaddr?: number;
  chaddr?: Uint8Array;
  /** Codes and values. */
  options?: readonly (readonly [number, Uint8Array])[];
  source?: string;
  destination?: string;
  ports?: readonly [number, number];
}

/** Returns an IPv4 packet with a message, without UDP checksum; a DISCOVER of an Ethernet client by default. */
export function dhcpPacket(fields: DhcpFields = {}): Uint8Array {
  const options = fields.options ?? [[53, Uint8Array.of(1)]];
  const message = new Uint8Array(600);
  const view = viewOf(message);
  view.setUint8(0, fields.op ?? 1);
  view.setUint8(1, fields.htype ?? 1);
  view.setUint8(2, fields.hlen ?? 6);
  view.setUint32(4, fields.xid ?? 0x12345678);
  view.setUint16(10, fields.flags ?? 0);
  view.setUint32(12, fields.ciaddr ?? 0);
  view.setUint32(24, fields.giaddr ?? 0);
  message.set(fields.chaddr ?? [], 28);
  view.setUint32(236, 0x63825363);
  let at = 240;
  for (const [code, value] of options) {
    message.set([code, value.length, ...value], at);
    at += 2 + value.length;
  }
  message[at++] = 255;
  const length = Math.max(300, at);
  const packet = new Uint8Array(28 + length);
  const packetView = viewOf(packet);
  emitIpv4Header(
    {
      source: ip(fields.source ?? "0.0.0.0"),
      destination: ip(fields.destination ?? "255.255.255.255"),
      protocol: IpProtocol.Udp,
      payloadLength: 8 + length,
    },
    packetView,
    0,
  );
  const [from, to] = fields.ports ?? [68, 67];
  packetView.setUint16(20, from);
  packetView.setUint16(22, to);
  packetView.setUint16(24, 8 + length);
  packet.set(message.subarray(0, length), 28);
  return packet;
}
