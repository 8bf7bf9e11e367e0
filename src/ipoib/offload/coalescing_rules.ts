/**
 * Which received packets may be coalesced: the rules of the kernel (Linux 6.1: inet_gro_receive, ipv6_gro_receive,
 * tcp_gro_receive, udp_gro_receive_segment), restricted to packets that the kernel's segmentation gives back byte for
 * byte (inet_gso_segment, tcp_gso_segment, __udp_gso_segment). They differ in two points:
 *
 * - Equal IPv4 identifications do not continue each other, because the virtio header cannot say that the segments of a
 *   frame have the same one. The kernel's segmentation numbers them.
 * - The urgent pointer must be equal, and checksums must be as the kernel writes them: 0 as 0x0000, not as 0xffff.
 */

/** Result of {@linkcode NetworkRules.protocol}: the packet may belong to any flow between its addresses. */
export const ANY_FLOW = -1;

/** The rules of an IP version. Offsets are of IP headers; `view` has the packet. */
export interface NetworkRules {
  /** Bytes of a header without options or extension headers, as all packets in a frame have it. */
  readonly headerLength: number;
  /** Offset of both addresses in the header, and their 32-bit words. */
  readonly addresses: number;
  readonly addressWords: number;
  /** GSO type of a frame of TCP segments. */
  readonly tcpType: number;
  /**
   * Returns the protocol number, or ANY_FLOW if the packet of `length` bytes is a fragment, has options or extension
   * headers, or another length than its header has. The header is complete (`AddressFamily.isPacket`).
   */
  protocol(view: DataView, ip: number, length: number): number;
  /** True if packet `n` of a frame has the header that segmentation of the frame with the first header gives it. */
  continues(
    first: DataView,
    firstIp: number,
    view: DataView,
    ip: number,
    n: number,
  ): boolean;
  /** True if the header's checksum, if there is one, can be restored by segmentation. */
  isCanonical(view: DataView, ip: number): boolean;
  /** True if the header's checksum, if there is one, is correct. */
  isValid(view: DataView, ip: number): boolean;
  /** Returns the sum of the pseudo-header for `length` bytes of a protocol, folded into 16 bits. */
  pseudoHeader(
    view: DataView,
    ip: number,
    protocol: number,
    length: number,
  ): number;
  /** Writes the length of the packet, and the checksum of the header. */
  setLength(view: DataView, ip: number, length: number): void;
}

/** The rules of a transport protocol. Offsets are of transport headers. */
export interface TransportRules {
  readonly protocol: number;
  /** Offset of the checksum in the header. */
  readonly checksum: number;
  /** Returns the bytes of the header of a segment of `length` bytes, or 0 if it is incomplete. */
  headerLength(view: DataView, at: number, length: number): number;
  /** True if other segments may follow a segment of `length` bytes in a frame. */
  starts(view: DataView, at: number, length: number): boolean;
  /**
   * True if a segment of `length` bytes with `header` bytes of header has the header that segmentation gives it after
   * `payload` bytes of a frame with the first header, except for the flags of the last segment.
   */
  continues(
    first: DataView,
    firstAt: number,
    view: DataView,
    at: number,
    header: number,
    length: number,
    payload: number,
  ): boolean;
  /** True if nothing may follow a segment that continues a frame, even if it is of full size. */
  ends(view: DataView, at: number): boolean;
  /** True if the checksum can be restored by segmentation. */
  isCanonical(view: DataView, at: number): boolean;
  /**
   * Writes the header of a frame into the first header, except for its checksum.
   *
   * @param last view of the last segment
   * @param length bytes from the first header to the end of the frame
   */
  finish(
    first: DataView,
    firstAt: number,
    last: DataView,
    lastAt: number,
    length: number,
  ): void;
  /** Returns the GSO type of a frame with the first header. */
  gsoType(network: NetworkRules, first: DataView, firstAt: number): number;
}
