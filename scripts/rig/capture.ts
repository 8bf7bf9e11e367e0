/** Captures frames on ib0 of a guest by socat, which all guests have. */

import type { Guest } from "./guest.ts";

/**
 * A frame of the kernel's ib_ipoib, sent or received.
 *
 * | bytes  | contents                                       |
 * |--------|------------------------------------------------|
 * | 0-19   | destination, valid in sent frames only         |
 * | 20-21  | EtherType                                      |
 * | 22-23  | reserved                                       |
 * | 24-    | packet                                         |
 */
export interface CapturedFrame {
  readonly etherType: number;
  readonly packet: Uint8Array;
}

const ETHER_TYPE = 20;
const PACKET = 24;
const OUTPUT = "/tmp/capture";

/** Captures frames on ib0 of a guest with ib_ipoib during `run`. */
export async function withCapture(
  guest: Guest,
  run: () => Promise<unknown>,
): Promise<CapturedFrame[]> {
  await guest.must(
    // /proc/net/packet lists the packet sockets.
    `before=$(wc -l < /proc/net/packet)
     socat -u -x INTERFACE:ib0 OPEN:/dev/null 2> ${OUTPUT} &
     echo $! > ${OUTPUT}.pid
     while [ $(wc -l < /proc/net/packet) -le $before ]; do
       kill -0 $! || { cat ${OUTPUT}; exit 1; }
       sleep 0.1
     done`,
  );
  let text: string;
  try {
    await run();
  } finally {
    text = await guest.must(
      `kill $(cat ${OUTPUT}.pid); cat ${OUTPUT}`,
    );
  }
  return framesOf(text);
}

/**
 * Parses the output of `socat -x`: a line that begins with ">" or "<" before the bytes of each frame. Ignores other
 * lines.
 */
export function framesOf(text: string): CapturedFrame[] {
  return text.split(/^[<>].*$/m).slice(1).map((lines) => {
    const digits = lines.match(/^(?: [0-9a-f]{2})+ ?$/gm) ?? [];
    const bytes = Uint8Array.fromHex(digits.join("").replaceAll(" ", ""));
    return {
      etherType: bytes[ETHER_TYPE]! << 8 | bytes[ETHER_TYPE + 1]!,
      packet: bytes.subarray(PACKET),
    };
  });
}
