/**
 * Link-local IPv6 address of an interface, formed from the port's GUID as in Linux. The kernel forms no such address
 * for a device without a link-layer address, so this module adds it when the link starts running. The kernel deletes
 * it when the interface is set down or the MTU falls below 1280, which disables IPv6. It is added again afterwards,
 * also if the process reads of both changes at once.
 *
 * An address that the administrator deletes is added again only after the interface was down, the MTU was below 1280,
 * or the GUID changed.
 */

import type { Netdev } from "../netdev/netdev.ts";
import type { IpAddress } from "../wire/ip_address.ts";
import { linkLocalAddress, MIN_IPV6_MTU } from "../wire/ipv6_address.ts";

export class LinkLocal {
  readonly #netdev: Netdev;
  /** Address that was added; undefined if none has been added since the kernel deleted the addresses. */
  #address: IpAddress | undefined;
  /** The number of removals when {@linkcode follow} was last called. */
  #removals = 0;

  constructor(netdev: Netdev) {
    this.#netdev = netdev;
  }

  /**
   * Adds or replaces the address to match the state of the device and the port's GUID. An address is added only while
   * the device has carrier, because duplicate address detection needs a running link.
   */
  follow(guid: bigint, carrier: boolean): void {
    const { up, mtu, ipv6Removals } = this.#netdev.config;
    if (ipv6Removals !== this.#removals) {
      this.#removals = ipv6Removals;
      this.#address = undefined;
    }
    if (!up || mtu < MIN_IPV6_MTU || !carrier) return;
    const address = linkLocalAddress(guid);
    if (this.#address?.equals(address)) return;
    if (this.#address) this.#netdev.deleteLinkLocal(this.#address);
    this.#address = address;
    this.#netdev.addLinkLocal(address);
  }
}
