/** One neighbour: an IP address on the link and the peer that it leads to, once that is known. */

import type { Millis } from "../../base/units.ts";
import { EthernetKind } from "../../wire/ethernet.ts";
import type { IpAddress } from "../../wire/ip_address.ts";
import type { Destination, Egress } from "../egress.ts";
import type { PacketQueue } from "../packet_queue.ts";
import type { Peer, PeerFollower } from "../peer.ts";

export class Neighbour implements Destination, PeerFollower {
  readonly kind = EthernetKind.Host;
  readonly address: IpAddress;
  /** Packets that wait for the address to be resolved. */
  readonly queue: PacketQueue;
  egress: Egress;
  peer: Peer | undefined;
  /** Given by the administrator: nothing that is heard changes it. */
  isStatic = false;
  /** True if the data path keeps it as the next hop of a flow. */
  isNextHop = false;
  /** True if the kernel has asked and no answer has come yet. */
  asked = false;
  /** Probes of the kernel without an answer. */
  probes = 0;
  // Initialised as numbers: a field that began as undefined would hold an allocated number at each assignment.
  /** When it was last asked for on our behalf. */
  askedAt: Millis = -Infinity;
  /** When the peer changed. */
  updatedAt: Millis = 0;

  constructor(
    address: IpAddress,
    queue: PacketQueue,
    egress: Egress,
    now: Millis,
  ) {
    this.address = address;
    this.queue = queue;
    this.egress = egress;
    this.updatedAt = now;
  }
}
