/**
 * Resolution between the kernel, whose link-layer addresses have no bytes here, and the link, where they have 20: what ARP
 * is to IPv4, and neighbour discovery to IPv6. One translator for each family of an interface.
 */

import type { Logger } from "../../base/log.ts";
import type { Millis } from "../../base/units.ts";
import type { Netdev } from "../../netdev/netdev.ts";
import type { IpAddress } from "../../wire/ip_address.ts";
import type { LinkIdentity } from "../link_identity.ts";
import type { MulticastTable } from "../multicast/multicast_table.ts";
import type { NeighbourTable } from "../neighbour/neighbour_table.ts";
import type { PathTable } from "../path.ts";
import type { PeerTable } from "../peer.ts";
import type { DropReason } from "../statistics.ts";
import type { UdSender } from "../ud_sender.ts";

/** What a translator works with. */
export interface TranslatorParts {
  readonly netdev: Netdev;
  readonly sender: UdSender;
  readonly identity: LinkIdentity;
  readonly groups: MulticastTable;
  readonly peers: PeerTable;
  readonly paths: PathTable;
  readonly neighbours: NeighbourTable;
  readonly log: Logger;
}

export interface Translator {
  /** Takes the kernel's packet of `length` bytes in `slot`. */
  transmit(slot: number, length: number): void;
  /** Takes the packet of `length` bytes at `base`, which came from that LID; returns why it is to be dropped, if it is. */
  receive(
    view: DataView,
    base: number,
    length: number,
    sourceLid: number,
    now: Millis,
  ): DropReason | undefined;
  /** Asks for `target` by broadcast, where the kernel never does. */
  request(target: IpAddress): void;
  /** Tells the link where these addresses are now. */
  announce(addresses: readonly IpAddress[]): void;
  /** Forgets who asked. */
  clear(): void;
}
