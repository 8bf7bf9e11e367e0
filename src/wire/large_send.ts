/** Segments of large sends: packets whose virtio header has a GSO type. */

import { ETHERNET_HEADER_LENGTH } from "./ethernet.ts";
import { GSO_ECN, GsoType, VnetField } from "./vnet.ts";

/** Byte order of the virtio header. */
const LITTLE_ENDIAN = true;
/** Offset of the data offset in a TCP header, and the minimum length of the header. */
const TCP_DATA_OFFSET = 12;
const TCP_HEADER_LENGTH = 20;
const UDP_HEADER_LENGTH = 8;

/**
 * Returns the length of the longest IP packet into which the large send of `length` bytes at `ip` is segmented, or
 * `length` if the packet with the virtio header at `vnet` is not a valid large send. The length of the headers is that
 * in the packet: hdr_len of the virtio header is the length of the linear part in the sender's kernel.
 */
export function segmentLength(
  view: DataView,
  vnet: number,
  ip: number,
  length: number,
): number {
  const type = view.getUint8(vnet + VnetField.GsoType) & ~GSO_ECN;
  const size = view.getUint16(vnet + VnetField.GsoSize, LITTLE_ENDIAN);
  if (type === GsoType.None || size === 0) return length;
  const transport =
    view.getUint16(vnet + VnetField.ChecksumStart, LITTLE_ENDIAN) -
    ETHERNET_HEADER_LENGTH;
  if (transport <= 0 || transport + TCP_HEADER_LENGTH > length) return length;
  const header = type === GsoType.Udp || type === GsoType.UdpL4
    ? UDP_HEADER_LENGTH
    : view.getUint8(ip + transport + TCP_DATA_OFFSET) >> 4 << 2;
  return Math.min(transport + header + size, length);
}
