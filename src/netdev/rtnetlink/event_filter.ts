/**
 * A socket filter that accepts only the events of one interface, so that events of other interfaces neither wake this
 * process nor fill the socket's queue.
 *
 * The filter is a classic BPF program (`linux/filter.h`) of four instructions, 8 bytes each: code u16, jump if true u8,
 * jump if false u8, k u32. Its input is one event: the netlink header and a struct with the interface index at byte 4,
 * such as struct ndmsg. BPF loads words in network byte order; the index is in host byte order, which is little-endian.
 */

import { HEADER_LENGTH } from "./message.ts";

const LOAD_WORD_ABSOLUTE = 0x20;
const JUMP_EQUAL = 0x15;
const RETURN = 0x06;
const INDEX = HEADER_LENGTH + 4;
const ACCEPT = 0xffffffff;

/** Returns the program that accepts events whose struct has `ifindex` at byte 4. */
export function interfaceFilter(ifindex: number): Uint8Array<ArrayBuffer> {
  const program = new Uint8Array(4 * 8);
  const view = new DataView(program.buffer);
  const swapped = new DataView(new ArrayBuffer(4));
  swapped.setUint32(0, ifindex, true);
  [
    [LOAD_WORD_ABSOLUTE, 0, 0, INDEX],
    [JUMP_EQUAL, 0, 1, swapped.getUint32(0, false)],
    [RETURN, 0, 0, ACCEPT],
    [RETURN, 0, 0, 0],
  ].forEach(([code, yes, no, k], i) => {
    view.setUint16(8 * i, code!, true);
    view.setUint8(8 * i + 2, yes!);
    view.setUint8(8 * i + 3, no!);
    view.setUint32(8 * i + 4, k!, true);
  });
  return program;
}
