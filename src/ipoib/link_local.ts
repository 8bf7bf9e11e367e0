/**
 * Link-local IPv6 address of an interface, formed from the port's GUID as in Linux. The kernel forms none for a device
 * without link-layer address, so it is added when the link is running, after each time that the interface was down or
 * its MTU was below 1280, which disables IPv6 in the kernel.
 *
 * An address that the administrator deletes is added again only after the interface was down or its MTU below 1280, or
 * the GUID changed.
 */

import type { Netdev } from "../netdev/netdev.ts";
import type { IpAddress } from "../wire/ip_address.ts";
import { linkLocalAddress } from "../wire/ipv6_address.ts";

/** Minimum MTU of IPv6 (RFC 8200 section 5). */
const MIN_IPV6_MTU = 1280;

export class LinkLocal {
  readonly #netdev: Netdev;
  /** Address that was added; undefined if none was added since IPv6 was last disabled. */
  #address: IpAddress | undefined;

  constructor(netdev: Netdev) {
    this.#netdev = netdev;
  }

  /**
   * Adds or replaces the address to match the state of the device and the port's GUID. An address is added with carrier
   * only, because duplicate address detection needs a running link.
   */
  follow(guid: bigint, carrier: boolean): void {
    const { up, mtu } = this.#netdev.config;
    if (!up || mtu < MIN_IPV6_MTU) {
      // The kernel deletes the address in this state.
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
