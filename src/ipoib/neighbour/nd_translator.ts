/**
 * Translates neighbour discovery between the kernel, where link-layer addresses have 0 bytes, and the link, where they
 * have 20.
 *
 * The kernel runs neighbour and router discovery, duplicate address detection and proxying. The translator adds the
 * link-layer address option to the kernel's messages and removes it from received ones (RFC 4861, RFC 4391 section
 * 9.3); other options are kept.
 *
 * | message from the kernel | option                                              | destination of a unicast message  |
 * |-------------------------|-----------------------------------------------------|-----------------------------------|
 * | neighbour solicitation  | own address; none if the source is `::`             | the peer of the target            |
 * | neighbour advertisement | own address; none in the reply to a unicast request | the requester, else the peer of   |
 * |                         | that did not arrive through a group                 | the destination                   |
 * | router solicitation     | own address; none if the source is `::`             | the peer of the destination       |
 * | router advertisement    | own address                                         | the peer of the destination       |
 * | redirect                | the target's address; none if it is unresolved      | the peer of the destination       |
 *
 * A message to a multicast address is sent to its group; a unicast message to an unresolved address, and a message to a
 * group over the group limit, to the broadcast group.
 */

import type { Millis } from "../../base/units.ts";
import { EtherType } from "../../wire/encap.ts";
import { EthernetKind, FRAME_HEADER_LENGTH } from "../../wire/ethernet.ts";
import { writeEthernetHeader } from "../../wire/frame_header.ts";
import { IpAddress } from "../../wire/ip_address.ts";
import {
  isIpv6Multicast,
  isLinkLocal,
  isUnspecified,
  sameIpv6Prefix,
  solicitedNodeGroup,
} from "../../wire/ipv6_address.ts";
import {
  type LinkAddress,
  linkAddressEquals,
} from "../../wire/link_address.ts";
import { ipv6Mgid } from "../../wire/mgid.ts";
import {
  emitNd,
  LINK_ADDRESS_OPTION_LENGTH,
  NaFlag,
  type NdMessage,
  NdType,
  type NewNdMessage,
  parseNd,
  rewriteNd,
  UNSPECIFIED,
} from "../../wire/neighbour_discovery.ts";
import { VNET_HEADER_LENGTH } from "../../wire/vnet.ts";
import { REDIRECT_INTERVAL_MS } from "../constants.ts";
import type { Destination } from "../egress.ts";
import type {
  Reception,
  Translator,
  TranslatorParts,
} from "../family/translator.ts";
import { Peer } from "../peer.ts";
import { refusal } from "../statistics.ts";
import { Askers } from "./askers.ts";

/** Maximum packet length in bytes, more than the maximum MTU in datagram mode (4092) and the option. */
const MAX_MESSAGE = 4096 + LINK_ADDRESS_OPTION_LENGTH;
const ALL_NODES = IpAddress.parse("ff02::1")!;

/** Translator of IPv6; see the module description. */
export class NdTranslator implements Translator {
  readonly #parts: TranslatorParts;
  readonly #askers: Askers;
  readonly #frame = new Uint8Array(FRAME_HEADER_LENGTH + MAX_MESSAGE);
  readonly #frameView = new DataView(this.#frame.buffer);
  #redirectedAt: Millis = -Infinity;

  constructor(parts: TranslatorParts) {
    this.#parts = parts;
    this.#askers = new Askers(parts.sender.statistics);
  }

  clear(): void {
    this.#askers.clear();
  }

  // From the kernel -----------------------------------------------------------------------------------------

  transmit(slot: number, length: number): void {
    const { sender } = this.#parts;
    const { view, bytes, stride, layout } = sender.memory;
    const ip = slot * stride + layout.payload;
    const message = parseNd(view, ip, length);
    if (!message || message.length > MAX_MESSAGE - LINK_ADDRESS_OPTION_LENGTH) {
      sender.drop(slot, length, "tx_malformed");
      return;
    }
    const [destination, option] = this.#route(message);
    if (!destination) {
      sender.drop(slot, length, "tx_link_down");
      return;
    }
    // Behind the headers, which are those of the messages to the kernel: their virtio header stays zero.
    const at = FRAME_HEADER_LENGTH;
    const rewritten = rewriteNd(view, ip, message, option, this.#frameView, at);
    bytes.set(this.#frame.subarray(at, at + rewritten), ip);
    this.#send(slot, rewritten, destination);
  }

  request(target: IpAddress): void {
    const source = this.#sourceFor(target);
    if (!source) return;
    this.#emit({
      type: NdType.NeighbourSolicitation,
      source,
      destination: solicitedNodeGroup(target),
      target,
      flags: 0,
      linkAddress: this.#parts.identity.address,
    });
  }

  /**
   * Sends unsolicited advertisements to all nodes (RFC 4861 section 7.2.6). Those of a router have the router flag:
   * without it hosts delete their default route through it (section 7.3.3).
   */
  announce(addresses: readonly IpAddress[]): void {
    if (addresses.length === 0) return;
    const router = this.#parts.netdev.status().forwardsIpv6;
    for (const target of addresses) {
      this.#emit({
        type: NdType.NeighbourAdvertisement,
        source: target,
        destination: ALL_NODES,
        target,
        flags: NaFlag.Override | (router ? NaFlag.Router : 0),
        linkAddress: this.#parts.identity.address,
      });
    }
  }

  /** Sends solicitations as duplicate address detection does (RFC 4862 section 5.4.2). */
  probe(addresses: readonly IpAddress[]): void {
    for (const target of addresses) {
      this.#emit({
        type: NdType.NeighbourSolicitation,
        source: UNSPECIFIED,
        destination: solicitedNodeGroup(target),
        target,
        flags: 0,
      });
    }
  }

  #emit(message: NewNdMessage): void {
    const { sender } = this.#parts;
    sender.statistics.totals.add("tx_generated");
    const slot = sender.memory.reserve(true);
    if (slot < 0) {
      sender.statistics.drop("tx_no_slot");
      return;
    }
    const { view, bytes, stride, layout } = sender.memory;
    const base = slot * stride;
    bytes.fill(0, base + layout.vnet, base + layout.vnet + VNET_HEADER_LENGTH);
    const length = emitNd(message, view, base + layout.payload);
    const destination = this.#group(message.destination);
    if (destination) this.#send(slot, length, destination);
    else {
      sender.writeHeaders(slot, EthernetKind.Multicast, EtherType.Ipv6);
      sender.drop(slot, length, "tx_link_down");
    }
  }

  /** Returns the destination of a message from the kernel and the link-layer address for its option. */
  #route(
    message: NdMessage,
  ): [Destination | undefined, LinkAddress | undefined] {
    const { identity, neighbours, sender } = this.#parts;
    const { type, source, destination, target } = message;
    const own = identity.address;
    const toGroup = isIpv6Multicast(destination);
    switch (type) {
      case NdType.NeighbourSolicitation: {
        // Duplicate address detection creates no neighbour entry.
        if (isUnspecified(source)) return [this.#group(destination), undefined];
        const neighbour = neighbours.onKernelRequest(target, !toGroup);
        if (toGroup) return [this.#group(destination), own];
        const { peer } = neighbour;
        // The reply to a unicast solicitation may lack the link-layer address, unlike that to a multicast one.
        if (!peer) neighbours.resolveAgain(neighbour);
        return [this.#peer(peer?.address), own];
      }
      case NdType.NeighbourAdvertisement: {
        if (toGroup) return [this.#group(destination), own];
        const asker = this.#askers.take(destination, target, sender.now);
        if (asker) neighbours.learnRequester(destination, asker.from);
        return [
          this.#peer(
            asker?.from ?? neighbours.find(destination)?.peer?.address,
          ),
          asker?.unicast ? undefined : own,
        ];
      }
      case NdType.Redirect:
        return [
          this.#peer(neighbours.find(destination)?.peer?.address),
          neighbours.find(target)?.peer?.address,
        ];
      default:
        return [
          toGroup
            ? this.#group(destination)
            : this.#peer(neighbours.find(destination)?.peer?.address),
          isUnspecified(source) ? undefined : own,
        ];
    }
  }

  /**
   * Returns the group of a multicast address. Over the group limit it is the broadcast group, which every host receives,
   * so that a sweep over many solicited-node groups does not stop the resolution of other neighbours.
   */
  #group(address: IpAddress): Destination | undefined {
    const { groups } = this.#parts;
    const { broadcast } = groups;
    if (!broadcast) return undefined;
    const group = groups.destinationFor(
      ipv6Mgid(address.bytes(), broadcast.mgid),
    );
    return group === groups.refused ? broadcast : group;
  }

  #peer(address: LinkAddress | undefined): Destination | undefined {
    const { peers, groups } = this.#parts;
    return (address && peers.get(address)) ?? groups.broadcast;
  }

  #send(slot: number, length: number, destination: Destination): void {
    const { sender } = this.#parts;
    sender.statistics.ndSent++;
    sender.writeHeaders(slot, destination.kind, EtherType.Ipv6);
    if (destination instanceof Peer) destination.sendResolution(slot, length);
    else destination.egress.send(slot, length);
  }

  /**
   * Returns the source address for a solicitation: an own address in the target's subnet, else a link-local address,
   * else the first address.
   */
  #sourceFor(target: IpAddress): IpAddress | undefined {
    const addresses = this.#parts.netdev.config.addresses
      .filter(({ address }) => !address.isIpv4);
    const near =
      addresses.find(({ address, prefixLength }) =>
        sameIpv6Prefix(address, target, prefixLength)
      ) ?? addresses.find(({ address }) => isLinkLocal(address));
    return (near ?? addresses[0])?.address;
  }

  // To the kernel -------------------------------------------------------------------------------------------

  receive(
    view: DataView,
    base: number,
    length: number,
    sourceLid: number,
    multicast: boolean,
    now: Millis,
  ): Reception {
    const message = parseNd(view, base, length);
    if (!message || message.length > MAX_MESSAGE) return "rx_malformed";
    const result = this.#process(
      view,
      base,
      message,
      sourceLid,
      multicast,
      now,
    );
    if (result === undefined || result === "ignored") {
      this.#parts.sender.statistics.ndReceived++;
    }
    return result;
  }

  /**
   * Learns link-layer addresses from a message and passes it to the kernel. Ignores the interface's own messages, and
   * advertisements without a link-layer address for an unresolved neighbour (RFC 4861 section 7.2.5), which the kernel
   * would accept, because its link-layer addresses have no bytes.
   */
  #process(
    view: DataView,
    base: number,
    message: NdMessage,
    sourceLid: number,
    multicast: boolean,
    now: Millis,
  ): Reception {
    const { identity, neighbours } = this.#parts;
    const { type, linkAddress, destination, target } = message;
    if (linkAddress) {
      if (linkAddressEquals(linkAddress, identity.address)) return "ignored";
      if (type !== NdType.Redirect) {
        this.#parts.paths.checkSourceLid(linkAddress.gid, sourceLid, now);
      }
      this.#learn(message, linkAddress, multicast, now);
    } else if (
      type === NdType.NeighbourAdvertisement && neighbours.isUnresolved(target)
    ) return "ignored";
    // The kernel may forward a packet that is for this host, so one that came through a group is not.
    const kind = isIpv6Multicast(destination)
      ? EthernetKind.Multicast
      : multicast
      ? EthernetKind.Broadcast
      : EthernetKind.Host;
    const rewritten = rewriteNd(
      view,
      base,
      message,
      undefined,
      this.#frameView,
      FRAME_HEADER_LENGTH,
    );
    writeEthernetHeader(
      this.#frameView,
      VNET_HEADER_LENGTH,
      kind,
      EtherType.Ipv6,
    );
    const written = this.#parts.netdev.writeBytes(
      this.#frame.subarray(0, FRAME_HEADER_LENGTH + rewritten),
    );
    if (type === NdType.Redirect) this.#redirected(now);
    return written < 0 ? refusal(-written) : undefined;
  }

  /**
   * Makes the next packets ask the kernel's routing again: it sends no event for a redirect that it has accepted. A
   * redirect that follows too early has no effect on the cache, but the router repeats it.
   */
  #redirected(now: Millis): void {
    if (now - this.#redirectedAt < REDIRECT_INTERVAL_MS) return;
    this.#redirectedAt = now;
    this.#parts.clearNextHops();
  }

  /**
   * Stores a link-layer address only if the same message changes the kernel's entry (Linux ndisc.c).
   *
   * | message       | stored                                                                                  |
   * |---------------|-----------------------------------------------------------------------------------------|
   * | solicitation  | when the kernel replies: it ignores those for addresses that are not its own            |
   * | advertisement | in an existing entry, unless it is marked as solicited but sent to a group              |
   * | router adv.   | if the source is link-local (RFC 4861 section 6.1.2); the kernel creates an entry       |
   * | router sol.   | never: a kernel that does not forward ignores it                                        |
   * | redirect      | never: only the kernel knows whether the sender is the next hop of the redirected route |
   */
  #learn(
    message: NdMessage,
    from: LinkAddress,
    multicast: boolean,
    now: Millis,
  ): void {
    const { neighbours, conflicts } = this.#parts;
    const { type, source, destination, target, flags } = message;
    const toGroup = isIpv6Multicast(destination);
    switch (type) {
      case NdType.NeighbourSolicitation:
        if (isUnspecified(source) || conflicts.check(source, from)) {
          return;
        }
        // A unicast message through a group is of a host that does not know this one's link-layer address.
        this.#askers.add(source, target, from, !toGroup && !multicast, now);
        return;
      case NdType.NeighbourAdvertisement: {
        const override = (flags & NaFlag.Override) !== 0;
        const solicited = (flags & NaFlag.Solicited) !== 0;
        if (
          isIpv6Multicast(target) || solicited && toGroup ||
          conflicts.check(target, from)
        ) return;
        const known = neighbours.find(target)?.peer;
        // Without the override flag a resolved address is kept (RFC 4861 section 7.2.5).
        if (known && !override) return;
        neighbours.learn(
          target,
          from,
          solicited ? "reply" : override ? "announcement" : "request",
        );
        return;
      }
      case NdType.RouterAdvertisement:
        if (isLinkLocal(source) && !conflicts.check(source, from)) {
          neighbours.learnRequester(source, from);
        }
        return;
    }
  }
}
