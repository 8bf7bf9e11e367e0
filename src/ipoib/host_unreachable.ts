/**
 * Telling the stack that a neighbour does not answer: ICMP host unreachable, written back into the TUN.
 *
 * The kernel does this for neighbours of its own. The error seems to come from the neighbour's address,
 * because the kernel takes no packet from the outside that claims to be from itself.
 */

import type { Netdev } from "../netdev/netdev.ts";
import {
  emitUnreachable,
  mayReportError,
  UNREACHABLE_MAX_LENGTH,
  UnreachableCode,
} from "../wire/icmp.ts";
import type { Ipv4Packet } from "../wire/ipv4.ts";
import { VNET_HEADER_LENGTH } from "../wire/vnet.ts";

/** Reports that `packet` could not reach `neighbour`. */
export function reportHostUnreachable(
  netdev: Netdev,
  packet: Ipv4Packet,
  neighbour: number,
): void {
  if (!mayReportError(packet, packet.totalLength)) return;
  const frame = new Uint8Array(VNET_HEADER_LENGTH + UNREACHABLE_MAX_LENGTH);
  const length = emitUnreachable(
    { source: neighbour, code: UnreachableCode.Host },
    packet,
    new DataView(frame.buffer),
    VNET_HEADER_LENGTH,
  );
  netdev.writeBytes(frame.subarray(0, VNET_HEADER_LENGTH + length));
}
