/**
 * Transport headers: sizes, opcodes and the order of packet sequence numbers (PSNs).
 *
 * Base transport header (BTH): 12 bytes in every IBA packet (IBTA vol. 1 9.2).
 *
 * | offset | bits       | field                                                     |
 * |--------|------------|-----------------------------------------------------------|
 * | 0      | 8          | OpCode                                                    |
 * | 1      | 1, 1, 2, 4 | SolicitedEvent, MigReq, PadCount, TVer (0)                |
 * | 2      | 16         | P_Key of the sender, membership bit included              |
 * | 4      | 8          | Resv8a                                                    |
 * | 5      | 24         | DestQP                                                    |
 * | 8      | 1, 7       | AckReq, reserved                                          |
 * | 9      | 24         | PSN                                                       |
 *
 * Datagram extended transport header (DETH): 8 bytes after the BTH of a UD packet (IBTA vol. 1 9.3.1).
 *
 * | offset | bits | field    |
 * |--------|------|----------|
 * | 0      | 32   | Q_Key    |
 * | 4      | 8    | reserved |
 * | 5      | 24   | SrcQP    |
 *
 * Padding of 0 to 3 bytes and the ICRC follow the payload (IBTA vol. 1 7.8).
 */

/** Bytes of the base transport header. */
export const BTH_LENGTH = 12;
/** Bytes of the datagram extended transport header. */
export const DETH_LENGTH = 8;
/** Bytes of the invariant CRC. */
export const ICRC_LENGTH = 4;

/** OpCode of a UD packet, SEND only (IBTA vol. 1 9.2.1). */
export const UD_SEND_ONLY = 0x64;
/** OpCode of an RC packet, SEND only (IBTA vol. 1 9.2.1). */
export const RC_SEND_ONLY = 0x04;

/** True if PSN `a` precedes PSN `b`, both of 24 bits (IBTA vol. 1 9.7.2). */
export function psnPrecedes(a: number, b: number): boolean {
  return ((a - b) & 0xffffff) >= 0x800000;
}

/** Returns the PSN after `psn`. */
export function nextPsn(psn: number): number {
  return (psn + 1) & 0xffffff;
}
