/** Neighbour discovery in tests: messages of the kernel and of other hosts, and two hosts with IPv6 addresses. */

import { encapWord, EtherType } from "../../../src/wire/encap.ts";
import { FRAME_HEADER_LENGTH } from "../../../src/wire/ethernet.ts";
import { solicitedNodeGroup } from "../../../src/wire/ipv6_address.ts";
import type { LinkAddress } from "../../../src/wire/link_address.ts";
import {
  emitNd,
  NaFlag,
  NdType,
  parseNd,
  rewriteNd,
} from "../../../src/wire/neighbour_discovery.ts";
import { ipAddress, viewOf } from "../../wire/support.ts";
import { type Host, QKEY, Rig } from "../rig.ts";
import { transmit } from "./kernel_arp.ts";

/** Address of the first host. */
export const A = "fe80::a";
/** Address of the second host. */
export const B = "fe80::b";

/** Bytes of a redirect with a link-layer address, the longest message. */
const MAX_LENGTH = 104;
const NO_LINK_ADDRESS = { flags: 0, qpn: 0, gid: new Uint8Array(16) };

/** Fields of a message; by default a solicitation of {@linkcode B} by {@linkcode A}. */
interface Fields {
  type?: number;
  source?: string;
  destination?: string;
  target?: string;
  flags?: number;
}

/** Returns a message of the kernel, without link-layer address. */
export function deviceMessage(fields: Fields): Uint8Array {
  const target = ipAddress(fields.target ?? B);
  const whole = new Uint8Array(MAX_LENGTH);
  const length = emitNd(
    {
      type: fields.type ?? NdType.NeighbourSolicitation,
      source: ipAddress(fields.source ?? A),
      destination: fields.destination
        ? ipAddress(fields.destination)
        : solicitedNodeGroup(target),
      target,
      flags: fields.flags ?? 0,
      linkAddress: NO_LINK_ADDRESS,
    },
    viewOf(whole),
    0,
  );
  const packet = new Uint8Array(MAX_LENGTH);
  const message = parseNd(viewOf(whole), 0, length)!;
  return packet.slice(
    0,
    rewriteNd(viewOf(whole), 0, message, undefined, viewOf(packet), 0),
  );
}

/** Returns a frame of the kernel with an IPv6 packet. */
export function frameOf(packet: Uint8Array): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_LENGTH + packet.length);
  viewOf(frame).setUint16(FRAME_HEADER_LENGTH - 2, EtherType.Ipv6);
  frame.set(packet, FRAME_HEADER_LENGTH);
  return frame;
}

/** Returns {@linkcode deviceMessage} as a frame of the kernel. */
export function kernelFrame(fields: Fields): Uint8Array {
  return frameOf(deviceMessage(fields));
}

/** Two hosts with IPv6 addresses that are members of their solicited-node groups. */
export function hosts(): { rig: Rig; a: Host; b: Host } {
  const rig = new Rig();
  const [a, b] = rig.pair();
  for (const [host, address] of [[a, A], [b, B]] as const) {
    host.netdev.config.join(ipAddress("ff02::1"));
    host.netdev.config.join(solicitedNodeGroup(ipAddress(address)));
    rig.settle();
    host.netdev.config.addIpv6Address(address, 64);
  }
  rig.settle();
  for (const host of [a, b]) {
    host.received();
    host.posted();
  }
  return { rig, a, b };
}

/** Delivers a packet from another host to `to`. */
export function deliver(to: Host, from: Host, packet: Uint8Array): void {
  from.port.inject({
    handle: { dlid: to.port.attributes.lid, sl: 0, staticRate: 0 },
    destQpn: to.link.qpn,
    sourceQpn: from.link.qpn,
    qkey: QKEY,
    encap: encapWord(EtherType.Ipv6),
    payload: packet,
  });
  to.rig.settle();
}

/** Makes `b` a resolved neighbour of `a`. */
export function resolve({ a, b }: { a: Host; b: Host }): void {
  transmit(a, kernelFrame({}));
  transmit(
    b,
    kernelFrame({
      type: NdType.NeighbourAdvertisement,
      source: B,
      destination: A,
      flags: NaFlag.Solicited | NaFlag.Override,
    }),
  );
}

/** Returns a message of another host with a link-layer address. */
export function linkMessage(
  { type, source = B, destination = A, target = B, flags = 0 }: Fields & {
    type: number;
  },
  linkAddress: LinkAddress,
): Uint8Array {
  const packet = new Uint8Array(104);
  const length = emitNd(
    {
      ...{ type, flags, linkAddress },
      source: ipAddress(source),
      destination: ipAddress(destination),
      target: ipAddress(target),
    },
    viewOf(packet),
    0,
  );
  return packet.slice(0, length);
}
