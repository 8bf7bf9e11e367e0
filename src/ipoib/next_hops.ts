/**
 * Next hops: what the data path does with a packet, decided once for a flow and kept until something changes.
 *
 * A frame of the device does not say which neighbour it is for. Where a program in the kernel writes the kernel's own
 * choice into the Ethernet destination (netdev/next_hop_program) that is followed; else the kernel's routing is asked with all
 * that a device can know, and flows are spread over the legs of a route by their weights.
 */

import type { NetConfig, RouteLeg } from "../netdev/netdev.ts";
import { EthernetKind } from "../wire/ethernet.ts";
import { TOLD_UNICAST, ToldField } from "../wire/told_next_hop.ts";
import { IpAddress, V4_MAPPED } from "../wire/ip_address.ts";
import { AddressTable, mixBits } from "./address_table.ts";
import { MAX_NEXT_HOPS } from "./constants.ts";
import type { Destination, Egress } from "./egress.ts";
import type { AddressFamily } from "./family/address_family.ts";
import type { MulticastTable } from "./multicast/multicast_table.ts";
import type { NeighbourTable } from "./neighbour/neighbour_table.ts";
import type { UdSender } from "./ud_sender.ts";

/** Several next hops, of which the flow's hash chooses one. */
class Spread implements Destination, Egress {
  readonly kind = EthernetKind.Host;
  readonly egress = this;
  readonly #sender: UdSender;
  readonly #family: AddressFamily;
  /** Each destination as often as its weight says. */
  readonly #shares: readonly Destination[];

  constructor(
    sender: UdSender,
    family: AddressFamily,
    shares: readonly Destination[],
  ) {
    this.#sender = sender;
    this.#family = family;
    this.#shares = shares;
  }

  send(slot: number, length: number): void {
    const { view, stride, layout } = this.#sender.memory;
    const ip = slot * stride + layout.payload;
    const hash = mixBits(this.#family.flowHash(view, ip, length)) >>> 1;
    this.#shares[hash % this.#shares.length]!.egress.send(slot, length);
  }
}

export class NextHops {
  readonly #config: NetConfig;
  readonly #sender: UdSender;
  readonly #neighbours: NeighbourTable;
  readonly #groups: MulticastTable;
  readonly #flows = new AddressTable<Destination>();
  /** By their legs: many flows take one route. */
  readonly #spreads = new Map<string, Spread>();
  /** True if flows differ by protocol and ports; told by the kernel's rules. */
  byPort = false;

  constructor(
    config: NetConfig,
    sender: UdSender,
    neighbours: NeighbourTable,
    groups: MulticastTable,
  ) {
    this.#config = config;
    this.#sender = sender;
    this.#neighbours = neighbours;
    this.#groups = groups;
    this.byPort = config.routesByPort;
    neighbours.onRemoved = () => this.clear();
    groups.onRemoved = () => this.clear();
  }

  /** Where the packet behind the Ethernet header at `ethernet` goes if the header tells it, as of unicasts it may. */
  told(
    view: DataView,
    ethernet: number,
    key: Int32Array,
  ): Destination | undefined {
    if (view.getUint16(ethernet) !== TOLD_UNICAST) return undefined;
    const gateway = view.getInt32(ethernet + ToldField.Gateway);
    const address = gateway === 0 ? key[3]! : gateway;
    return this.#neighbours.findWords(0, 0, V4_MAPPED, address) ??
      this.#neighbours.get(IpAddress.ipv4(address));
  }

  /** Where the flow with this key leads, if that was decided. */
  known(key: Int32Array): Destination | undefined {
    return this.#flows.find(key[0]!, key[1]!, key[2]!, key[3]!);
  }

  /** Decides where the flow of a packet leads, asking the kernel if need be; undefined for nowhere. */
  find(
    family: AddressFamily,
    view: DataView,
    ip: number,
    length: number,
    key: Int32Array,
  ): Destination | undefined {
    const destination = this.#decide(family, view, ip, length);
    if (!destination) return undefined;
    if (destination === this.#groups.refused) return destination;
    if (this.#flows.size >= MAX_NEXT_HOPS) {
      this.#forgetFlows();
      this.#sender.statistics.tables.add("next_hops_cleared");
    }
    this.#flows.set(
      { w0: key[0]!, w1: key[1]!, w2: key[2]!, w3: key[3]! },
      destination,
    );
    return destination;
  }

  clear(): void {
    this.#forgetFlows();
    this.byPort = this.#config.routesByPort;
  }

  #forgetFlows(): void {
    this.#flows.clear();
    this.#spreads.clear();
  }

  #decide(
    family: AddressFamily,
    view: DataView,
    ip: number,
    length: number,
  ): Destination | undefined {
    const flow = family.flow(view, ip, length);
    if (family.isMulticast(flow.destination)) {
      return this.#group(family, flow.destination);
    }
    const route = this.#config.route(flow);
    switch (route.type) {
      case "unicast":
        return this.#unicast(family, route.legs);
      case "broadcast":
        return this.#groups.ready ? this.#groups.broadcast : undefined;
      case "multicast":
        return this.#group(family, flow.destination);
      case "none":
        return undefined;
    }
  }

  #group(family: AddressFamily, address: IpAddress): Destination | undefined {
    const { broadcast } = this.#groups;
    return broadcast &&
      this.#groups.toSend(family.mgid(address, broadcast.mgid));
  }

  #unicast(
    family: AddressFamily,
    legs: readonly RouteLeg[],
  ): Destination | undefined {
    const [first] = legs;
    if (!first) return undefined;
    if (legs.length === 1) return this.#neighbour(first.nextHop);
    const key = legs.map(({ nextHop, weight }) => `${nextHop} ${weight}`)
      .join();
    let spread = this.#spreads.get(key);
    if (!spread) {
      const shares = legs.flatMap(({ nextHop, weight }) =>
        new Array<Destination>(weight).fill(this.#neighbour(nextHop))
      );
      spread = new Spread(this.#sender, family, shares);
      this.#spreads.set(key, spread);
    }
    return spread;
  }

  /** The neighbour, which is told that flows lead to it. */
  #neighbour(address: IpAddress): Destination {
    const neighbour = this.#neighbours.get(address);
    neighbour.isNextHop = true;
    return neighbour;
  }
}
