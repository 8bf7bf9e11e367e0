/** Frames of ARP and neighbour discovery in a form that does not depend on the sender. */

import type { CapturedFrame } from "../../../scripts/rig/capture.ts";
import { ARP_LENGTH, ArpOperation, parseArp } from "../../../src/wire/arp.ts";
import { EtherType } from "../../../src/wire/encap.ts";
import { IpAddress } from "../../../src/wire/ip_address.ts";
import { NdType, parseNd } from "../../../src/wire/neighbour_discovery.ts";
import { viewOf } from "../../wire/support.ts";

/** A frame in which the addresses of the sender and the checksum are replaced by zeros. */
export interface ResolutionFrame {
  readonly kind: "ARP request" | "ARP reply" | "NS" | "NA";
  /** Protocol address of the sender. */
  readonly source: string;
  /** The packet in hexadecimal. */
  readonly packet: string;
}

/** Sender's link-layer and protocol addresses of an ARP packet: offset and end. */
const ARP_SENDER = [8, 32] as const;
const IPV6_SOURCE = [8, 24] as const;
const MULTICAST_BYTE = 0xff;
const ND_CHECKSUM = 2;
const ND_TARGET = 8;
const ND_LINK_ADDRESS = 24 + 4;

/**
 * Returns undefined for frames of other protocols and messages, for the probes of a neighbour that is known already
 * (unicast solicitations), and for the answers to these, which have no link-layer address.
 */
export function resolutionFrame(
  frame: CapturedFrame,
): ResolutionFrame | undefined {
  if (frame.etherType === EtherType.Arp) return arpFrame(frame.packet);
  return frame.etherType === EtherType.Ipv6 ? ndFrame(frame.packet) : undefined;
}

function arpFrame(packet: Uint8Array): ResolutionFrame | undefined {
  const arp = parseArp(viewOf(packet), 0, packet.length);
  return arp && {
    kind: arp.operation === ArpOperation.Request ? "ARP request" : "ARP reply",
    source: `${IpAddress.ipv4(arp.senderIp)}`,
    packet: without(packet.subarray(0, ARP_LENGTH), ARP_SENDER),
  };
}

function ndFrame(packet: Uint8Array): ResolutionFrame | undefined {
  const message = parseNd(viewOf(packet), 0, packet.length);
  if (!message) return undefined;
  const { type, source, destination, offset, length } = message;
  const solicitation = type === NdType.NeighbourSolicitation;
  if (!solicitation && type !== NdType.NeighbourAdvertisement) return undefined;
  if (solicitation && destination.bytes()[0] !== MULTICAST_BYTE) {
    return undefined;
  }
  if (length < offset + ND_LINK_ADDRESS) return undefined;
  const parts: [number, number][] = [
    [...IPV6_SOURCE],
    [offset + ND_CHECKSUM, offset + ND_CHECKSUM + 2],
    [offset + ND_LINK_ADDRESS, length],
  ];
  // The target of an advertisement is the sender's address.
  if (!solicitation) parts.push([offset + ND_TARGET, offset + ND_TARGET + 16]);
  return {
    kind: solicitation ? "NS" : "NA",
    source: `${source}`,
    packet: without(packet.subarray(0, length), ...parts),
  };
}

/** Returns the bytes in hexadecimal, with zeros in the given parts. */
function without(
  packet: Uint8Array,
  ...parts: readonly (readonly [number, number])[]
): string {
  const bytes = packet.slice();
  for (const [from, to] of parts) bytes.fill(0, from, to);
  return bytes.toHex();
}
