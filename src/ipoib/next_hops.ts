/**
 * Next hops of transmitted packets.
 *
 * A frame read from the device does not identify the neighbour. If a BPF program has written the kernel's choice into
 * the Ethernet destination (netdev/next_hop_program), that choice is used. Otherwise the kernel's routing is queried
 * with the header fields of the packet, once per flow, and the result is cached until the configuration changes. Flows
 * are distributed over the legs of a multipath route by weight.
 */

import type { Millis } from "../base/units.ts";
import type { GatewayPrefixes } from "../netdev/gateway_prefixes.ts";
import type { NetConfig, RouteLeg } from "../netdev/net_config.ts";
import type { Netdev } from "../netdev/netdev.ts";
import { EthernetKind } from "../wire/ethernet.ts";
import {
  NEXT_HOP_UNICAST,
  NEXT_HOP_UNICAST6,
  NextHopField,
} from "../wire/kernel_next_hop.ts";
import { IpAddress, V4_MAPPED } from "../wire/ip_address.ts";
import { mixBits } from "./address_table.ts";
import { MAX_NEXT_HOPS } from "./constants.ts";
import type { Egress, IpDestination } from "./egress.ts";
import { FlowTable } from "./flow_table.ts";
import type { AddressFamily } from "./family/address_family.ts";
import type { MulticastTable } from "./multicast/multicast_table.ts";
import type { NeighbourTable } from "./neighbour/neighbour_table.ts";
import type { PacketSender } from "./packet_sender.ts";

/** Multipath destination: selects one of several next hops by flow hash. */
class Spread implements IpDestination, Egress {
  readonly kind = EthernetKind.Host;
  readonly egress = this;
  usedAt: Millis = 0;
  readonly #sender: PacketSender;
  readonly #family: AddressFamily;
  /** Each destination, repeated according to its weight. */
  readonly #shares: readonly IpDestination[];

  constructor(
    sender: PacketSender,
    family: AddressFamily,
    shares: readonly IpDestination[],
  ) {
    this.#sender = sender;
    this.#family = family;
    this.#shares = shares;
  }

  send(slot: number, length: number): void {
    const { view, stride, layout } = this.#sender.memory;
    const ip = slot * stride + layout.payload;
    const hash = mixBits(this.#family.flowHash(view, ip, length)) >>> 1;
    const share = this.#shares[hash % this.#shares.length]!;
    share.usedAt = this.#sender.now;
    share.egress.send(slot, length);
  }
}

export class NextHops {
  readonly #config: NetConfig;
  readonly #prefixes: GatewayPrefixes;
  readonly #sender: PacketSender;
  readonly #neighbours: NeighbourTable;
  readonly #groups: MulticastTable;
  readonly #flows: ReadonlyMap<AddressFamily, FlowTable<IpDestination>>;
  /** Multipath destinations, keyed by family, next hops and weights, and shared by all flows of a route. */
  readonly #spreads = new Map<string, Spread>();
  /** Destination of the current packet. */
  readonly #words = new Int32Array(4);
  /** True if flow keys include protocol and ports, because policy routing rules match them. */
  byPort = false;

  constructor(
    { config, gatewayPrefixes }: Netdev,
    sender: PacketSender,
    neighbours: NeighbourTable,
    groups: MulticastTable,
    families: readonly AddressFamily[],
  ) {
    this.#config = config;
    this.#prefixes = gatewayPrefixes;
    this.#sender = sender;
    this.#neighbours = neighbours;
    this.#groups = groups;
    this.#flows = new Map(
      families.map((family) => [family, new FlowTable(family.flowWords)]),
    );
    this.byPort = config.routesByPort;
    neighbours.onRemoved = () => this.clear();
    groups.onRemoved = () => this.clear();
  }

  /**
   * Returns the next hop in the Ethernet header at `ethernet` of the packet at `ip`, or undefined if the header has none
   * or the packet is to a group.
   */
  fromFrame(
    family: AddressFamily,
    view: DataView,
    ethernet: number,
    ip: number,
  ): IpDestination | undefined {
    const mark = view.getUint16(ethernet);
    if (mark !== NEXT_HOP_UNICAST && mark !== NEXT_HOP_UNICAST6) {
      return undefined;
    }
    if (family.isToGroup(view, ip)) return undefined;
    if (mark === NEXT_HOP_UNICAST6) return this.#gateway6(view, ethernet);
    const gateway = view.getInt32(ethernet + NextHopField.Gateway);
    if (gateway !== 0) return this.#at(0, 0, V4_MAPPED, gateway);
    const words = this.#words;
    family.writeDestination(view, ip, words);
    return this.#at(words[0]!, words[1]!, words[2]!, words[3]!);
  }

  /** Returns the neighbour of an IPv6 gateway in a frame, or undefined if the number of its prefix is unknown. */
  #gateway6(view: DataView, ethernet: number): IpDestination | undefined {
    const number = view.getUint8(ethernet + NextHopField.Prefix);
    const prefixes = this.#prefixes;
    if (!prefixes.has(number)) return undefined;
    return this.#at(
      prefixes.high(number),
      prefixes.low(number),
      view.getInt32(ethernet + NextHopField.Interface),
      view.getInt32(ethernet + NextHopField.Interface + 4),
    );
  }

  #at(w0: number, w1: number, w2: number, w3: number): IpDestination {
    return this.#neighbours.findWords(w0, w1, w2, w3) ??
      this.#neighbours.get(new IpAddress(w0, w1, w2, w3));
  }

  /** Returns the next-hop cache of a family. The table is cleared but never replaced, so callers may keep it. */
  flowsOf(family: AddressFamily): FlowTable<IpDestination> {
    return this.#flows.get(family)!;
  }

  /**
   * Looks up the destination of a packet with the kernel's routing and caches it, unless it is a group over the group
   * limit. Returns undefined if there is no route, or until the broadcast group is joined.
   */
  resolve(
    family: AddressFamily,
    view: DataView,
    ip: number,
    length: number,
    key: Int32Array,
  ): IpDestination | undefined {
    const destination = this.#lookUp(family, view, ip, length);
    if (!destination) return undefined;
    if (destination === this.#groups.refused) return destination;
    const flows = this.#flows.get(family)!;
    if (flows.size >= MAX_NEXT_HOPS) {
      this.#clearFlows();
      this.#sender.statistics.tables.add("next_hops_cleared");
    }
    flows.set(key, destination);
    return destination;
  }

  /** Clears the cache and updates {@linkcode byPort}. */
  clear(): void {
    this.#clearFlows();
    this.byPort = this.#config.routesByPort;
  }

  #clearFlows(): void {
    for (const flows of this.#flows.values()) flows.clear();
    this.#spreads.clear();
  }

  #lookUp(
    family: AddressFamily,
    view: DataView,
    ip: number,
    length: number,
  ): IpDestination | undefined {
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

  #group(family: AddressFamily, address: IpAddress): IpDestination | undefined {
    const { broadcast } = this.#groups;
    return broadcast &&
      this.#groups.destinationFor(family.mgid(address, broadcast.mgid));
  }

  #unicast(
    family: AddressFamily,
    legs: readonly RouteLeg[],
  ): IpDestination | undefined {
    const [first] = legs;
    if (!first) return undefined;
    if (legs.length === 1) return this.#neighbour(first.nextHop);
    // Families may share next hops (an IPv4 route with IPv6 gateways), but each reads its own headers for the flow hash.
    const parts = legs.map(({ nextHop, weight }) => `${nextHop} ${weight}`);
    const key = [family.etherType, ...parts].join();
    let spread = this.#spreads.get(key);
    if (!spread) {
      const shares = legs.flatMap(({ nextHop, weight }) =>
        new Array<IpDestination>(weight).fill(this.#neighbour(nextHop))
      );
      spread = new Spread(this.#sender, family, shares);
      this.#spreads.set(key, spread);
    }
    return spread;
  }

  /** Returns the neighbour and marks it as a next hop, so that its removal clears the cache. */
  #neighbour(address: IpAddress): IpDestination {
    const neighbour = this.#neighbours.get(address);
    neighbour.isNextHop = true;
    return neighbour;
  }
}
