/**
 * The InfiniBand headers of a message of a connection, at the offsets of ud_headers.ts. The opcode RC SEND only stands
 * for all packets of the message. RC packets have no DETH.
 */

import { BTH_LENGTH, RC_SEND_ONLY } from "../wire/transport_headers.ts";
import { BTH, writeLrhAndBth } from "./ud_headers.ts";

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
  writeLrhAndBth(view, base, BTH_LENGTH, message, slid, pkey, destQpn);
  view.setUint8(base + BTH, RC_SEND_ONLY);
}
