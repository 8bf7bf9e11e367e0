/**
 * A socket filter that leaves the events of one interface: those of others neither wake this process nor fill its
 * receive buffer.
 *
 * A classic BPF program (linux/filter.h), four instructions of 8 bytes: code u16, jump if true u8, jump if false u8,
 * k u32. It sees one event: netlink header, then a struct whose index stands at byte 4, as in struct ndmsg. BPF loads
 * words in network byte order, and the index is in the host's, which is little-endian.
 */

import { HEADER_LENGTH } from "./message.ts";

const LOAD_WORD_ABSOLUTE = 0x20;
const JUMP_EQUAL = 0x15;
const RETURN = 0x06;
const INDEX = HEADER_LENGTH + 4;
const WHOLE = 0xffffffff;

/** The program that keeps events whose struct has `ifindex` at byte 4. */
export function interfaceFilter(ifindex: number): Uint8Array<ArrayBuffer> {
  const program = new Uint8Array(4 * 8);
  const view = new DataView(program.buffer);
  const swapped = new DataView(new ArrayBuffer(4));
  swapped.setUint32(0, ifindex, true);
  [
    [LOAD_WORD_ABSOLUTE, 0, 0, INDEX],
    [JUMP_EQUAL, 0, 1, swapped.getUint32(0, false)],
    [RETURN, 0, 0, WHOLE],
    [RETURN, 0, 0, 0],
  ].forEach(([code, yes, no, k], i) => {
    view.setUint16(8 * i, code!, true);
    view.setUint8(8 * i + 2, yes!);
    view.setUint8(8 * i + 3, no!);
    view.setUint32(8 * i + 4, k!, true);
  });
  return program;
}
