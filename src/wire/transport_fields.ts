/** TCP and UDP: offsets of the header fields (RFC 9293 section 3.1, RFC 768). */

/** Fields of a TCP header, and its length without options. */
export const TcpField = {
  Sequence: 4,
  Acknowledgment: 8,
  /** Data offset in words of 4 bytes (4 bits), reserved bits (4), flags (8). */
  OffsetAndFlags: 12,
  Flags: 13,
  Window: 14,
  Checksum: 16,
  UrgentPointer: 18,
  Length: 20,
} as const;

/** Flags of a TCP header. */
export const TcpFlag = {
  Fin: 0x01,
  Syn: 0x02,
  Rst: 0x04,
  Psh: 0x08,
  Urg: 0x20,
  Cwr: 0x80,
} as const;

/** Fields of a UDP header, and its length. */
export const UdpField = { PacketLength: 4, Checksum: 6, Length: 8 } as const;
