/**
 * TCP: offsets of the header fields (RFC 9293 section 3.1).
 *
 * | offset | size | field                                                                     |
 * |--------|------|---------------------------------------------------------------------------|
 * | 0      | 4    | source port, destination port                                             |
 * | 4      | 4    | sequence number                                                           |
 * | 8      | 4    | acknowledgment number                                                     |
 * | 12     | 4    | data offset in words (4 bits), reserved (4 bits), flags (8 bits), window  |
 * | 16     | 2    | checksum, with the pseudo-header                                          |
 * | 18     | 2    | urgent pointer                                                            |
 * | 20     |      | options                                                                   |
 */

/** Bytes of a header without options. */
export const TCP_HEADER_LENGTH = 20;

/** Offsets of the header fields. */
export const TcpField = {
  Ports: 0,
  Sequence: 4,
  Acknowledgment: 8,
  DataOffset: 12,
  Flags: 13,
  Window: 14,
  Checksum: 16,
  Urgent: 18,
} as const;

/** Bits of the byte at {@linkcode TcpField.Flags}. */
export const TcpFlag = {
  Fin: 0x01,
  Syn: 0x02,
  Rst: 0x04,
  Psh: 0x08,
  Ack: 0x10,
  Urg: 0x20,
  Ece: 0x40,
  Cwr: 0x80,
} as const;

/** Returns the length in bytes of the header at `tcp`, as its data offset has it: 0 to 60. */
export function tcpHeaderLength(view: DataView, tcp: number): number {
  return view.getUint8(tcp + TcpField.DataOffset) >> 4 << 2;
}
