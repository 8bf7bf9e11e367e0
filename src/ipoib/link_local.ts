/**
 * Link-local IPv6 address of an interface, formed from the port's GUID as in Linux. The kernel forms no such address
 * for a device without a link-layer address, so this module adds it when the link starts running. The kernel deletes
 * it when the interface is set down or the MTU falls below 1280, which disables IPv6. It is added again afterwards.
 *
 * An address that the administrator deletes is added again only after the interface was down, the MTU was below 1280,
 * or the GUID changed.
 */

import type { Netdev } from "../netdev/netdev.ts";
import type { IpAddress } from "../wire/ip_address.ts";
import { linkLocalAddress } from "../wire/ipv6_address.ts";

/** Minimum MTU of IPv6 (RFC 8200 section 5). */
const MIN_IPV6_MTU = 1280;

export class LinkLocal {
  readonly #netdev: Netdev;
  /** Address that was added; undefined if none has been added since IPv6 was last disabled. */
  #address: IpAddress | undefined;

  constructor(netdev: Netdev) {
    this.#netdev = netdev;
  }

  /**
   * Adds or replaces the address to match the state of the device and the port's GUID. An address is added only while
   * the device has carrier, because duplicate address detection needs a running link.
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
