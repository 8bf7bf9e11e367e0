import { VCRC_LENGTH, writeCrcs } from "../../src/wire/crc.ts";
import { ICRC_LENGTH } from "../../src/wire/transport_headers.ts";

/** Returns a copy of a packet, from the LRH to the pad, with both CRCs after it. */
export function withCrcs(packet: Uint8Array): Uint8Array {
  const end = packet.length;
  const whole = new Uint8Array(end + ICRC_LENGTH + VCRC_LENGTH);
  whole.set(packet);
  writeCrcs(whole, new DataView(whole.buffer), 0, end);
  return whole;
}
