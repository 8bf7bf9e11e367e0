/** UDP: offsets of the header fields (RFC 768). */

/** Bytes of the header. */
export const UDP_HEADER_LENGTH = 8;

/** Offsets of the header fields. */
export const UdpField = { Ports: 0, Length: 4, Checksum: 6 } as const;
