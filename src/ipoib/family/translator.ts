/**
 * Translation of address resolution packets (ARP for IPv4, neighbour discovery for IPv6) between the kernel, where
 * link-layer addresses have 0 bytes, and the link, where they have 20. An interface has one translator per family.
 */

import type { Millis } from "../../base/units.ts";
import type { Netdev } from "../../netdev/netdev.ts";
import type { IpAddress } from "../../wire/ip_address.ts";
import type { LinkIdentity } from "../link_identity.ts";
import type { MulticastTable } from "../multicast/multicast_table.ts";
import type { AddressConflicts } from "../neighbour/address_conflicts.ts";
import type { NeighbourTable } from "../neighbour/neighbour_table.ts";
import type { PathTable } from "../path.ts";
import type { PeerTable } from "../peer.ts";
import type { DropReason } from "../statistics.ts";
import type { PacketSender } from "../packet_sender.ts";

/** Dependencies of a translator. */
export interface TranslatorParts {
  readonly netdev: Netdev;
  readonly sender: PacketSender;
  readonly identity: LinkIdentity;
  readonly groups: MulticastTable;
  readonly peers: PeerTable;
  readonly paths: PathTable;
  readonly neighbours: NeighbourTable;
  readonly conflicts: AddressConflicts;
  /** Makes the next packets ask the kernel's routing again. */
  readonly clearNextHops: () => void;
}

/**
 * What became of a received packet: the reason why it was dropped, "ignored" if it is valid but not for the kernel, or
 * undefined if the kernel got it.
 */
export type Reception = DropReason | "ignored" | undefined;

export interface Translator {
  /** Translates and sends the kernel's packet of `length` bytes in `slot`. Consumes the slot. */
  transmit(slot: number, length: number): void;
  /**
   * Translates the received packet of `length` bytes at `base` from `sourceLid`, which was sent to a group if
   * `multicast` is true, and passes it to the kernel. Returns what became of it, which the caller counts.
   */
  receive(
    view: DataView,
    base: number,
    length: number,
    sourceLid: number,
    multicast: boolean,
    now: Millis,
  ): Reception;
  /** Sends a request for `target`, which the kernel does not resolve, to the broadcast or solicited-node group. */
  request(target: IpAddress): void;
  /** Announces the interface's link-layer address for these addresses. */
  announce(addresses: readonly IpAddress[]): void;
  /** Asks the link whether other hosts use these addresses of the interface. Changes no neighbour entry of other hosts. */
  probe(addresses: readonly IpAddress[]): void;
  /** Drops pending requests of other hosts. */
  clear(): void;
}
