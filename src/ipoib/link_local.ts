/**
 * Link-local IPv6 address of an interface, formed from the port's GUID as in Linux. The kernel forms no such address
 * for a device without a link-layer address, so this module adds it when the link starts running. The kernel deletes
 * it when the interface is set down or the MTU falls below 1280, which disables IPv6. It is added again afterwards,
 * also if the process reads of both changes at once.
 *
 * If the kernel refuses to tell how it forms addresses, the module asks again after a second.
 *
 * An address that the administrator deletes is added again only after the interface was down, the MTU was below 1280,
 * or the GUID changed.
 */

import type { Netdev } from "../netdev/netdev.ts";
import { READ_AGAIN_MS, RefusableRead } from "../netdev/refusable_read.ts";
import type { Reactor, Timer } from "../system/reactor.ts";
import type { IpAddress } from "../wire/ip_address.ts";
import { linkLocalAddress, MIN_IPV6_MTU } from "../wire/ipv6_address.ts";

export class LinkLocal {
  readonly #netdev: Netdev;
  /** Address that was added; undefined if none has been added since the kernel deleted the addresses. */
  #address: IpAddress | undefined;
  /** The number of removals when {@linkcode follow} was last called. */
  #removals = 0;
  readonly #clock: Reactor["clock"];
  readonly #reads = new RefusableRead();
  /** Set after the kernel has refused. */
  readonly #again: Timer;
  #guid = 0n;
  #carrier = false;

  constructor(netdev: Netdev, reactor: Pick<Reactor, "clock" | "timer">) {
    this.#netdev = netdev;
    this.#clock = reactor.clock;
    this.#again = reactor.timer(() => this.follow(this.#guid, this.#carrier));
  }

  /**
   * Adds or replaces the address to match the state of the device and the port's GUID. An address is added only while
   * the device has carrier, because duplicate address detection needs a running link.
   */
  follow(guid: bigint, carrier: boolean): void {
    this.#guid = guid;
    this.#carrier = carrier;
    const { up, mtu, ipv6Removals } = this.#netdev.config;
    if (ipv6Removals !== this.#removals) {
      this.#removals = ipv6Removals;
      this.#address = undefined;
    }
    if (!up || mtu < MIN_IPV6_MTU || !carrier) return;
    const address = linkLocalAddress(guid);
    if (this.#address?.equals(address)) return;
    if (this.#address) this.#netdev.deleteLinkLocal(this.#address);
    const { ifindex } = this.#netdev;
    this.#address = this.#reads.attempt(ifindex, () => {
      this.#netdev.addLinkLocal(address);
      return address;
    });
    if (!this.#address) this.#again.at(this.#clock.now() + READ_AGAIN_MS);
  }

  close(): void {
    this.#again.close();
  }
}
