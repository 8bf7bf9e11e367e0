/**
 * The InfiniBand headers of a message of a connection, at the offsets of ud_headers.ts. The opcode RC SEND only stands
 * for all packets of the message. RC packets have no DETH.
 */

import { GRH_LENGTH } from "../wire/grh.ts";
import { LRH_LENGTH } from "../wire/lrh.ts";
import {
  BTH_LENGTH,
  ICRC_LENGTH,
  RC_SEND_ONLY,
} from "../wire/transport_headers.ts";
import { BTH, GRH, hasGrh, LRH } from "./ud_headers.ts";

/**
 * Writes the fields that differ between messages into headers that start at `base`. Leaves the PSN unchanged.
 *
 * @param message bytes after the BTH; 0 if the message takes several packets
 */
export function writeConnectedHeaders(
  view: DataView,
  base: number,
  message: number,
  slid: number,
  pkey: number,
  destQpn: number,
): void {
  const global = hasGrh(view, base);
  const padding = -message & 3;
  const transport = message === 0
    ? 0
    : BTH_LENGTH + message + padding + ICRC_LENGTH;
  if (global) view.setUint16(base + GRH + 4, transport);
  const whole = message === 0
    ? 0
    : LRH_LENGTH + (global ? GRH_LENGTH : 0) + transport;
  view.setUint16(base + LRH + 4, whole >> 2);
  view.setUint16(base + LRH + 6, slid);
  view.setUint8(base + BTH, RC_SEND_ONLY);
  view.setUint8(base + BTH + 1, padding << 4);
  view.setUint16(base + BTH + 2, pkey);
  view.setUint32(base + BTH + 4, destQpn);
}
