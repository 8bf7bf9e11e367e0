/** TCP and UDP: offsets of the header fields (RFC 9293 section 3.1, RFC 768). */

/** Fields of a TCP header, and its length without options. */
export const TcpField = {
  Sequence: 4,
  /** Data offset in words of 4 bytes (4 bits), reserved bits (4), flags (8). */
  OffsetAndFlags: 12,
  Checksum: 16,
  Length: 20,
} as const;

/** Flags of a TCP header. */
export const TcpFlag = { Fin: 0x01, Psh: 0x08, Cwr: 0x80 } as const;

/** Fields of a UDP header, and its length. */
export const UdpField = { PacketLength: 4, Checksum: 6, Length: 8 } as const;
