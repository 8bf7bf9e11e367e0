/** Summary of an IP packet, an ARP packet or a MAD, in the style of tcpdump. */

import { hex } from "../base/hex.ts";
import { EtherType } from "../wire/encap.ts";
import { formatIpv4 } from "../wire/ipv4_address.ts";
import { IpProtocol, IPV4_HEADER_LENGTH, Ipv4Field } from "../wire/ipv4.ts";
import {
  IPV6_HEADER_LENGTH,
  Ipv6Field,
  NextHeader,
  upperLayerOffset,
} from "../wire/ipv6_header.ts";
import { formatIpv6 } from "../wire/ipv6_text.ts";
import { TcpField, UdpField } from "../wire/transport_fields.ts";

const ICMP = new Map([
  [0, "echo reply"],
  [3, "unreachable"],
  [5, "redirect"],
  [8, "echo request"],
  [11, "time exceeded"],
]);
const ICMPV6 = new Map([
  [1, "unreachable"],
  [2, "packet too big"],
  [3, "time exceeded"],
  [128, "echo request"],
  [129, "echo reply"],
  [133, "router solicitation"],
  [134, "router advertisement"],
  [135, "neighbor solicitation"],
  [136, "neighbor advertisement"],
  [143, "multicast listener report v2"],
]);
const ECHOES: ReadonlySet<number> = new Set([0, 8, 128, 129]);
const NEED_TO_FRAG = 4;
const IGMP = 2;
/** Bits of the word of IPv4 with the fragment offset. */
const FRAGMENT_OFFSET = 0x1fff;
const ARP_REQUEST = 1;
const ARP_REPLY = 2;
const TCP_FLAGS = "FSRP.UEW";

/** Describes the packet of `length` bytes at offset `at`. */
export function summarise(
  etherType: number,
  view: DataView,
  at: number,
  length: number,
): string {
  switch (etherType) {
    case EtherType.Arp:
      return arp(view, at, length);
    case EtherType.Ipv4:
      return length < IPV4_HEADER_LENGTH
        ? "IP, truncated"
        : ipv4(view, at, length);
    case EtherType.Ipv6:
      return length < IPV6_HEADER_LENGTH
        ? "IP6, truncated"
        : ipv6(view, at, length);
    default:
      return `ethertype ${hex(etherType, 4)}, length ${length}`;
  }
}

function arp(view: DataView, at: number, length: number): string {
  const hardware = length < 8 ? length : view.getUint8(at + 4);
  const sender = at + 8 + hardware;
  const target = sender + 4 + hardware;
  if (target + 4 > at + length) return "ARP, truncated";
  const from = formatIpv4(view.getInt32(sender));
  const to = formatIpv4(view.getInt32(target));
  const operation = view.getUint16(at + 6);
  return operation === ARP_REQUEST
    ? `ARP, Request who-has ${to} tell ${from}`
    : operation === ARP_REPLY
    ? `ARP, Reply ${from} to ${to}`
    : `ARP, operation ${operation}`;
}

function ipv4(view: DataView, at: number, length: number): string {
  const header = (view.getUint8(at) & 15) << 2;
  const protocol = view.getUint8(at + Ipv4Field.Protocol);
  const offset = view.getUint16(at + Ipv4Field.Fragment) & FRAGMENT_OFFSET;
  const from = formatIpv4(view.getInt32(at + Ipv4Field.Source));
  const to = formatIpv4(view.getInt32(at + Ipv4Field.Destination));
  if (offset > 0) {
    return `IP ${from} > ${to}: fragment of protocol ${protocol} at ${
      offset * 8
    }, length ${length - header}`;
  }
  return transport("IP", from, to, protocol, view, at + header, at + length);
}

function ipv6(view: DataView, at: number, length: number): string {
  const bytes = new Uint8Array(
    view.buffer,
    view.byteOffset + at,
    IPV6_HEADER_LENGTH,
  );
  const from = formatIpv6(bytes, Ipv6Field.Source);
  const to = formatIpv6(bytes, Ipv6Field.Destination);
  const { Tcp, Udp } = IpProtocol;
  for (const protocol of [Tcp, Udp, NextHeader.Icmpv6]) {
    const offset = upperLayerOffset(protocol, view, at, length);
    if (offset === 0) continue;
    return transport(
      "IP6",
      from,
      to,
      protocol,
      view,
      at + offset,
      at + length,
    );
  }
  const next = view.getUint8(at + Ipv6Field.NextHeader);
  return `IP6 ${from} > ${to}: next header ${next}, length ${
    length - IPV6_HEADER_LENGTH
  }`;
}

function transport(
  ip: string,
  from: string,
  to: string,
  protocol: number,
  view: DataView,
  at: number,
  end: number,
): string {
  const plain = `${ip} ${from} > ${to}:`;
  const length = end - at;
  const short = `${plain} protocol ${protocol}, length ${length}`;
  if (length < UdpField.Length) return short;
  switch (protocol) {
    case IpProtocol.Tcp: {
      if (length < TcpField.Length) return short;
      const payload = length -
        (view.getUint8(at + TcpField.OffsetAndFlags) >> 4 << 2);
      return `${withPorts(ip, from, to, view, at)} Flags [${
        flags(view.getUint8(at + TcpField.Flags))
      }], seq ${view.getUint32(at + TcpField.Sequence)}, ack ${
        view.getUint32(at + TcpField.Acknowledgment)
      }, win ${view.getUint16(at + TcpField.Window)}, length ${payload}`;
    }
    case IpProtocol.Udp:
      return `${withPorts(ip, from, to, view, at)} UDP, length ${
        length - UdpField.Length
      }`;
    case IpProtocol.Icmp:
      return `${plain} ICMP ${icmp(ICMP, view, at)}, length ${length}`;
    case NextHeader.Icmpv6:
      return `${plain} ICMP6, ${icmp(ICMPV6, view, at)}, length ${length}`;
    case IGMP:
      return `${plain} IGMP, length ${length}`;
    default:
      return short;
  }
}

function withPorts(
  ip: string,
  from: string,
  to: string,
  view: DataView,
  at: number,
): string {
  const [source, destination] = [view.getUint16(at), view.getUint16(at + 2)];
  return `${ip} ${from}.${source} > ${to}.${destination}:`;
}

function icmp(
  names: ReadonlyMap<number, string>,
  view: DataView,
  at: number,
): string {
  const type = view.getUint8(at);
  const name = names.get(type) ?? `type ${type}`;
  // What a sender with a larger MTU is sent (RFC 1191, RFC 8201).
  if (names === ICMP && type === 3 && view.getUint8(at + 1) === NEED_TO_FRAG) {
    return `${name}, need to frag (mtu ${view.getUint16(at + 6)})`;
  }
  if (names === ICMPV6 && type === 2) {
    return `${name}, mtu ${view.getUint32(at + 4)}`;
  }
  return ECHOES.has(type)
    ? `${name}, id ${view.getUint16(at + 4)}, seq ${view.getUint16(at + 6)}`
    : name;
}

function flags(bits: number): string {
  return [...TCP_FLAGS].filter((_, bit) => bits >> bit & 1).join("") || "none";
}
