/**
 * ICMP echo messages (RFC 792).
 *
 * | offset | size | field                  |
 * |--------|------|------------------------|
 * | 0      | 1    | type: 8, or 0 in reply |
 * | 1      | 1    | code, 0                |
 * | 2      | 2    | checksum               |
 * | 4      | 2    | identifier             |
 * | 6      | 2    | sequence number        |
 * | 8      |      | payload                |
 */

import { internetChecksum } from "../../src/wire/checksum.ts";

const HEADER_LENGTH = 8;
const ECHO_REPLY = 0;
const ECHO_REQUEST = 8;

/** An echo request or reply. */
export interface IcmpEcho {
  readonly reply: boolean;
  /** 16 bits. */
  readonly id: number;
  /** 16 bits. */
  readonly sequence: number;
  readonly payload: Uint8Array;
}

/**
 * Parses the echo message in `length` bytes at `base`. Its payload is a copy. Returns undefined for another type or
 * code, a bad checksum, or a bad length.
 */
export function parseIcmpEcho(
  view: DataView,
  base: number,
  length: number,
): IcmpEcho | undefined {
  if (
    length < HEADER_LENGTH || length > 0xffff ||
    base + length > view.byteLength
  ) return undefined;
  const type = view.getUint8(base);
  if (
    (type !== ECHO_REQUEST && type !== ECHO_REPLY) ||
    view.getUint8(base + 1) !== 0 || internetChecksum(view, base, length) !== 0
  ) return undefined;
  return {
    reply: type === ECHO_REPLY,
    id: view.getUint16(base + 4),
    sequence: view.getUint16(base + 6),
    payload: bytesOf(
      view,
      base + HEADER_LENGTH,
      length - HEADER_LENGTH,
    ).slice(),
  };
}

/** Writes an echo message at `base`. Returns its length in bytes. */
export function emitIcmpEcho(
  echo: IcmpEcho,
  view: DataView,
  base: number,
): number {
  const length = HEADER_LENGTH + echo.payload.length;
  view.setUint8(base, echo.reply ? ECHO_REPLY : ECHO_REQUEST);
  view.setUint8(base + 1, 0);
  view.setUint16(base + 2, 0);
  view.setUint16(base + 4, echo.id);
  view.setUint16(base + 6, echo.sequence);
  bytesOf(view, base + HEADER_LENGTH, echo.payload.length).set(
    echo.payload,
  );
  view.setUint16(base + 2, internetChecksum(view, base, length));
  return length;
}

function bytesOf(view: DataView, base: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + base, length);
}
