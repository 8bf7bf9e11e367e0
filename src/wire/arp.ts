/**
 * ARP over InfiniBand: 56 bytes, hardware type 32, 20-byte hardware addresses (RFC 4391 section 9.2, RFC 826).
 *
 * | offset | size | field                                            |
 * |--------|------|--------------------------------------------------|
 * | 0      | 2    | hardware type, 32                                |
 * | 2      | 2    | protocol type, 0x0800                            |
 * | 4      | 1    | hardware address length, 20                      |
 * | 5      | 1    | protocol address length, 4                       |
 * | 6      | 2    | operation                                        |
 * | 8      | 20   | sender's link-layer address                      |
 * | 28     | 4    | sender's IPv4 address                            |
 * | 32     | 20   | target's link-layer address, zeros in a request  |
 * | 52     | 4    | target's IPv4 address                            |
 *
 * Broadcast requests are sent to the broadcast group, unicast requests (probes) and replies to a UD queue pair.
 */

import { bytesAt } from "./bytes.ts";
import { GID_LENGTH } from "./gid.ts";
import {
  emitLinkAddress,
  LINK_ADDRESS_LENGTH,
  type LinkAddress,
  parseLinkAddress,
} from "./link_address.ts";
import { EtherType } from "./encap.ts";

/** Bytes of the packet. */
export const ARP_LENGTH = 56;
/** ARP hardware type of InfiniBand. */
export const ARP_HARDWARE_INFINIBAND = 32;

/** Offsets of the fields. */
export const ArpField = {
  HardwareType: 0,
  ProtocolType: 2,
  HardwareLength: 4,
  ProtocolLength: 5,
  Operation: 6,
  SenderAddress: 8,
  SenderIp: 28,
  TargetAddress: 32,
  TargetIp: 52,
} as const;

/** Operation codes. Received packets may have any other value. */
export const ArpOperation = {
  Request: 1,
  Reply: 2,
  RarpRequest: 3,
  RarpReply: 4,
} as const;

const IPV4_LENGTH = 4;

/** A re-pointable view of an ARP packet. Call {@linkcode ArpPacket.valid} before the getters. */
export class ArpPacket {
  view: DataView;
  base: number;

  constructor(view: DataView = new DataView(new ArrayBuffer(0)), base = 0) {
    this.view = view;
    this.base = base;
  }

  /** Points the view at another packet. */
  at(view: DataView, base: number): this {
    this.view = view;
    this.base = base;
    return this;
  }

  /** True if the `length` bytes at the base start with an ARP packet of IPv4 over InfiniBand. */
  valid(length: number): boolean {
    const { view, base } = this;
    return length >= ARP_LENGTH && base + length <= view.byteLength &&
      view.getUint16(base + ArpField.HardwareType) ===
        ARP_HARDWARE_INFINIBAND &&
      view.getUint16(base + ArpField.ProtocolType) === EtherType.Ipv4 &&
      view.getUint8(base + ArpField.HardwareLength) === LINK_ADDRESS_LENGTH &&
      view.getUint8(base + ArpField.ProtocolLength) === IPV4_LENGTH;
  }

  get operation(): number {
    return this.view.getUint16(this.base + ArpField.Operation);
  }
  get senderQpn(): number {
    return this.view.getUint32(this.base + ArpField.SenderAddress) & 0xffffff;
  }
  get senderIp(): number {
    return this.view.getInt32(this.base + ArpField.SenderIp);
  }
  get targetIp(): number {
    return this.view.getInt32(this.base + ArpField.TargetIp);
  }
}

/** A parsed ARP packet. IPv4 addresses are signed 32-bit integers. */
export interface Arp {
  /** One of {@linkcode ArpOperation}, or any other 16-bit number. */
  readonly operation: number;
  readonly senderAddress: LinkAddress;
  readonly senderIp: number;
  readonly targetAddress: LinkAddress;
  readonly targetIp: number;
}

/** Parses the `length` bytes at `base`. Returns undefined if they are not an ARP packet of IPv4 over InfiniBand. */
export function parseArp(
  view: DataView,
  base: number,
  length: number,
): Arp | undefined {
  const packet = new ArpPacket(view, base);
  if (!packet.valid(length)) return undefined;
  const bytes = bytesAt(view, base, ARP_LENGTH);
  return {
    operation: packet.operation,
    senderAddress: parseLinkAddress(bytes, ArpField.SenderAddress)!,
    senderIp: packet.senderIp,
    targetAddress: parseLinkAddress(bytes, ArpField.TargetAddress)!,
    targetIp: packet.targetIp,
  };
}

/** Writes `arp` at `base`. Returns the packet length, 56 bytes. */
export function emitArp(arp: Arp, view: DataView, base: number): number {
  view.setUint16(base + ArpField.HardwareType, ARP_HARDWARE_INFINIBAND);
  view.setUint16(base + ArpField.ProtocolType, EtherType.Ipv4);
  view.setUint8(base + ArpField.HardwareLength, LINK_ADDRESS_LENGTH);
  view.setUint8(base + ArpField.ProtocolLength, IPV4_LENGTH);
  view.setUint16(base + ArpField.Operation, arp.operation);
  view.setInt32(base + ArpField.SenderIp, arp.senderIp);
  view.setInt32(base + ArpField.TargetIp, arp.targetIp);
  const bytes = bytesAt(view, base, ARP_LENGTH);
  emitLinkAddress(arp.senderAddress, bytes, ArpField.SenderAddress);
  emitLinkAddress(arp.targetAddress, bytes, ArpField.TargetAddress);
  return ARP_LENGTH;
}

const NO_ADDRESS: LinkAddress = {
  flags: 0,
  qpn: 0,
  gid: new Uint8Array(GID_LENGTH),
};

/** Returns a request for the link-layer address of `targetIp`. The target's link-layer address is zero, as in Linux. */
export function arpRequest(
  senderAddress: LinkAddress,
  senderIp: number,
  targetIp: number,
): Arp {
  return {
    operation: ArpOperation.Request,
    senderAddress,
    senderIp,
    targetAddress: NO_ADDRESS,
    targetIp,
  };
}
