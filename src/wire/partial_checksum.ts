/**
 * Partial checksums: the checksum field contains the sum of the pseudo-header, and the virtio header says which bytes
 * are to be added (Linux CHECKSUM_PARTIAL, skb_checksum_help).
 */

import { ETHERNET_HEADER_LENGTH } from "./ethernet.ts";
import type { SummedMemory } from "./summed_memory.ts";
import { UdpField } from "./transport_fields.ts";
import { VnetField, VnetFlag } from "./vnet.ts";

/** Byte order of the virtio header. */
const LITTLE_ENDIAN = true;

/**
 * Completes the checksum of the packet of `length` bytes at `ip`, if the virtio header at `vnet` says that it is partial,
 * and removes the flag there. Returns false if the checksum field is not in the packet.
 */
export function completeChecksum(
  { view, sum }: SummedMemory,
  vnet: number,
  ip: number,
  length: number,
): boolean {
  const flags = view.getUint8(vnet + VnetField.Flags);
  if ((flags & VnetFlag.NeedsChecksum) === 0) return true;
  const start = view.getUint16(vnet + VnetField.ChecksumStart, LITTLE_ENDIAN) -
    ETHERNET_HEADER_LENGTH;
  const offset = view.getUint16(
    vnet + VnetField.ChecksumOffset,
    LITTLE_ENDIAN,
  );
  const field = start + offset;
  if (start < 0 || field + 2 > length) return false;
  const checksum = ~sum(ip + start, length - start) & 0xffff;
  // In UDP a checksum of 0 means "none" (RFC 768). TCP has no such rule, and its 0xffff would not be canonical (RFC 1624).
  const isNone = checksum === 0 && offset === UdpField.Checksum;
  view.setUint16(ip + field, isNone ? 0xffff : checksum);
  view.setUint8(vnet + VnetField.Flags, flags & ~VnetFlag.NeedsChecksum);
  return true;
}
