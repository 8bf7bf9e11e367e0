/**
 * The link-local IPv6 address of an interface: formed from the port's GUID as Linux does, present from each up of the
 * interface on, and after its MTU was below 1280, when the kernel turns IPv6 off.
 *
 * An address that the administrator deletes stays away until the interface goes up again.
 */

import type { Netdev } from "../netdev/netdev.ts";
import type { IpAddress } from "../wire/ip_address.ts";
import { linkLocalAddress } from "../wire/ipv6_address.ts";

/** The smallest MTU with which the kernel runs IPv6 (RFC 8200 section 5). */
const MIN_IPV6_MTU = 1280;

export class LinkLocal {
  readonly #netdev: Netdev;
  /** The address that was added; undefined while it has to be added. */
  #address: IpAddress | undefined;

  constructor(netdev: Netdev) {
    this.#netdev = netdev;
  }

  /** Follows the device and the port; `carrier` is true while the link carries packets, so that the kernel can detect duplicates. */
  follow(guid: bigint, carrier: boolean): void {
    const { up, mtu } = this.#netdev.config;
    if (!up || mtu < MIN_IPV6_MTU) {
      // The kernel has deleted it.
      this.#address = undefined;
      return;
    }
    if (!carrier) return;
    const address = linkLocalAddress(guid);
    if (this.#address?.equals(address)) return;
    if (this.#address) this.#netdev.deleteLinkLocal(this.#address);
    this.#address = address;
    this.#netdev.addLinkLocal(address);
  }
}
