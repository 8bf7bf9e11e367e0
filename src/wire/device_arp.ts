/**
 * ARP on a device with link-layer addresses of length 0, as exchanged with the kernel: 16 bytes (RFC 826).
 *
 * | offset | size | field                              |
 * |--------|------|------------------------------------|
 * | 0      | 2    | hardware type, 32                  |
 * | 2      | 2    | protocol type, 0x0800              |
 * | 4      | 1    | hardware address length, 0         |
 * | 5      | 1    | protocol address length, 4         |
 * | 6      | 2    | operation                          |
 * | 8      | 4    | sender's IPv4 address              |
 * | 12     | 4    | target's IPv4 address              |
 */

import { ARP_HARDWARE_INFINIBAND, ArpField } from "./arp.ts";
import { EtherType } from "./encap.ts";

/** Bytes of the packet. */
export const DEVICE_ARP_LENGTH = 16;

const SENDER_IP = 8;
const TARGET_IP = 12;
/** Lengths of hardware and protocol addresses, as one word. */
const LENGTHS = 0x0004;

/** An ARP packet without link-layer addresses. IPv4 addresses are signed 32-bit integers. */
export interface DeviceArp {
  readonly operation: number;
  readonly senderIp: number;
  readonly targetIp: number;
}

/** Parses the `length` bytes at `base`. Returns undefined for any other packet. Ignores trailing bytes. */
export function parseDeviceArp(
  view: DataView,
  base: number,
  length: number,
): DeviceArp | undefined {
  if (
    length < DEVICE_ARP_LENGTH ||
    view.getUint16(base + ArpField.HardwareType) !== ARP_HARDWARE_INFINIBAND ||
    view.getUint16(base + ArpField.ProtocolType) !== EtherType.Ipv4 ||
    view.getUint16(base + ArpField.HardwareLength) !== LENGTHS
  ) return undefined;
  return {
    operation: view.getUint16(base + ArpField.Operation),
    senderIp: view.getInt32(base + SENDER_IP),
    targetIp: view.getInt32(base + TARGET_IP),
  };
}

/** Writes the packet at `base`. Returns its length, 16 bytes. */
export function emitDeviceArp(
  arp: DeviceArp,
  view: DataView,
  base: number,
): number {
  view.setUint16(base + ArpField.HardwareType, ARP_HARDWARE_INFINIBAND);
  view.setUint16(base + ArpField.ProtocolType, EtherType.Ipv4);
  view.setUint16(base + ArpField.HardwareLength, LENGTHS);
  view.setUint16(base + ArpField.Operation, arp.operation);
  view.setInt32(base + SENDER_IP, arp.senderIp);
  view.setInt32(base + TARGET_IP, arp.targetIp);
  return DEVICE_ARP_LENGTH;
}
