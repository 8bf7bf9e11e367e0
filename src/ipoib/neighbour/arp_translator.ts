/**
 * Translates ARP between the kernel, where link-layer addresses have 0 bytes, and the link, where they have 20.
 *
 * The kernel sends requests, replies, probes and announcements for its own addresses, and replies for addresses that it
 * proxies. The translator converts between packets of 16 and 56 bytes (RFC 826, RFC 4391 section 9.2) and selects the
 * destination:
 *
 * | packet from the kernel              | destination                                                    |
 * |-------------------------------------|----------------------------------------------------------------|
 * | broadcast request, announcement     | the broadcast group                                            |
 * | unicast request (probe)             | the peer of the target address, else the broadcast group       |
 * | reply                               | the requester, else the peer of the target address, else the   |
 * |                                     | broadcast group                                                |
 */

import type { Millis } from "../../base/units.ts";
import {
  type Arp,
  ARP_LENGTH,
  ArpOperation,
  arpRequest,
  emitArp,
  parseArp,
} from "../../wire/arp.ts";
import {
  DEVICE_ARP_LENGTH,
  type DeviceArp,
  emitDeviceArp,
  parseDeviceArp,
} from "../../wire/device_arp.ts";
import { EtherType } from "../../wire/encap.ts";
import {
  EthernetKind,
  ethernetKind,
  FRAME_HEADER_LENGTH,
} from "../../wire/ethernet.ts";
import { writeEthernetHeader } from "../../wire/frame_header.ts";
import { GID_LENGTH } from "../../wire/gid.ts";
import { IpAddress } from "../../wire/ip_address.ts";
import { isMulticast, samePrefix } from "../../wire/ipv4_address.ts";
import {
  type LinkAddress,
  linkAddressEquals,
} from "../../wire/link_address.ts";
import { VNET_HEADER_LENGTH } from "../../wire/vnet.ts";
import type {
  Reception,
  Translator,
  TranslatorParts,
} from "../family/translator.ts";
import { type DropReason, refusal } from "../statistics.ts";
import { Askers } from "./askers.ts";

const NO_ADDRESS: LinkAddress = {
  flags: 0,
  qpn: 0,
  gid: new Uint8Array(GID_LENGTH),
};

/** Translator of IPv4; see the module description. */
export class ArpTranslator implements Translator {
  readonly #parts: TranslatorParts;
  readonly #askers: Askers;
  readonly #frame = new Uint8Array(FRAME_HEADER_LENGTH + DEVICE_ARP_LENGTH);
  readonly #frameView = new DataView(this.#frame.buffer);

  constructor(parts: TranslatorParts) {
    this.#parts = parts;
    this.#askers = new Askers(parts.sender.statistics);
  }

  clear(): void {
    this.#askers.clear();
  }

  // From the kernel -----------------------------------------------------------------------------------------

  transmit(slot: number, length: number): void {
    const { sender, identity } = this.#parts;
    const { view, stride, layout } = sender.memory;
    const base = slot * stride;
    const arp = parseDeviceArp(view, base + layout.payload, length);
    if (arp) {
      const kind = ethernetKind(view, base + layout.ethernet);
      this.#send(slot, this.#translate(arp), this.#targetOf(arp, kind));
      return;
    }
    // A program with a packet socket may send all 56 bytes. The sender address is replaced by the interface's own.
    const whole = parseArp(view, base + layout.payload, length);
    if (whole) {
      this.#send(slot, { ...whole, senderAddress: identity.address });
    } else sender.drop(slot, length, "tx_malformed");
  }

  request(target: IpAddress): void {
    const source = this.#sourceFor(target.w3);
    if (source === undefined) return;
    this.#emit(arpRequest(this.#parts.identity.address, source, target.w3));
  }

  /** Sends ARP requests with equal sender and target address (RFC 5227 section 2.3). */
  announce(addresses: readonly IpAddress[]): void {
    const own = this.#parts.identity.address;
    for (const { w3 } of addresses) this.#emit(arpRequest(own, w3, w3));
  }

  /** Sends ARP requests with the sender address 0 (RFC 5227 section 2.1.1). */
  probe(addresses: readonly IpAddress[]): void {
    const own = this.#parts.identity.address;
    for (const { w3 } of addresses) this.#emit(arpRequest(own, 0, w3));
  }

  #emit(arp: Arp): void {
    const { sender } = this.#parts;
    sender.statistics.totals.add("tx_generated");
    const slot = sender.memory.reserve(true);
    if (slot < 0) sender.statistics.drop("tx_no_slot");
    else {
      const { bytes, stride, layout } = sender.memory;
      const vnet = slot * stride + layout.vnet;
      bytes.fill(0, vnet, vnet + VNET_HEADER_LENGTH);
      this.#send(slot, arp);
    }
  }

  #translate({ operation, senderIp, targetIp }: DeviceArp): Arp {
    return {
      operation,
      senderAddress: this.#parts.identity.address,
      senderIp,
      targetAddress: NO_ADDRESS,
      targetIp,
    };
  }

  /** Returns the link-layer destination of a packet from the kernel; undefined for the broadcast group. */
  #targetOf(
    { operation, senderIp, targetIp }: DeviceArp,
    kind: EthernetKind,
  ): LinkAddress | undefined {
    const { neighbours } = this.#parts;
    if (senderIp === targetIp) return undefined;
    const target = IpAddress.ipv4(targetIp);
    if (operation === ArpOperation.Request) {
      const unicast = kind !== EthernetKind.Broadcast;
      const { peer } = neighbours.onKernelRequest(target, unicast);
      return unicast ? peer?.address : undefined;
    }
    const asker = this.#askers.take(
      targetIp,
      senderIp,
      this.#parts.sender.now,
    );
    if (asker && targetIp !== 0) neighbours.learnRequester(target, asker.from);
    return asker?.from ?? neighbours.find(target)?.peer?.address;
  }

  #send(slot: number, arp: Arp, to?: LinkAddress): void {
    const { sender, groups, peers } = this.#parts;
    const { view, stride, layout } = sender.memory;
    const peer = to && peers.get(to);
    const destination = peer ?? groups.broadcast;
    emitArp(
      to ? { ...arp, targetAddress: targetField(arp, to) } : arp,
      view,
      slot * stride + layout.payload,
    );
    const kind = destination?.kind ?? EthernetKind.Broadcast;
    sender.writeHeaders(slot, kind, EtherType.Arp);
    if (!destination) {
      sender.drop(slot, ARP_LENGTH, "tx_link_down");
      return;
    }
    sender.statistics.arpSent++;
    if (peer) peer.sendResolution(slot, ARP_LENGTH);
    else destination.egress.send(slot, ARP_LENGTH);
  }

  /** Returns the sender address for a request: the first own address in the target's subnet, else the first of all. */
  #sourceFor(target: number): number | undefined {
    const addresses = this.#parts.netdev.config.addresses
      .filter(({ address }) => address.isIpv4);
    const near = addresses.find(({ address, prefixLength }) =>
      samePrefix(address.w3, target, prefixLength)
    );
    return (near ?? addresses[0])?.address.w3;
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
    const arp = parseArp(view, base, length);
    if (!arp) return "rx_malformed";
    const result = this.#process(arp, sourceLid, multicast, now);
    if (result === undefined || result === "ignored") {
      this.#parts.sender.statistics.arpReceived++;
    }
    return result;
  }

  /**
   * Learns the sender's address and passes the packet to the kernel. Ignores the interface's own packets, multicast
   * addresses, and operations other than request and reply.
   */
  #process(
    arp: Arp,
    sourceLid: number,
    multicast: boolean,
    now: Millis,
  ): Reception {
    const { identity, paths, neighbours } = this.#parts;
    const { senderAddress: from, senderIp, targetIp, operation } = arp;
    const request = operation === ArpOperation.Request;
    if (
      linkAddressEquals(from, identity.address) ||
      isMulticast(senderIp) || isMulticast(targetIp) ||
      !request && operation !== ArpOperation.Reply
    ) return "ignored";
    paths.checkSourceLid(from.gid, sourceLid, now);
    const sender = IpAddress.ipv4(senderIp);
    const own = this.#parts.conflicts.check(sender, from);
    const announced = senderIp === targetIp;
    if (senderIp !== 0 && !own) {
      const source = announced ? "announcement" : request ? "request" : "reply";
      neighbours.learn(sender, from, source);
    }
    if (request && !announced) {
      this.#askers.add(senderIp, targetIp, from, false, now);
    }
    // The kernel sets an entry REACHABLE only by a reply that was sent to this host (Linux arp_process).
    const toAll = request || announced || multicast;
    return this.#toKernel(
      arp,
      toAll ? EthernetKind.Broadcast : EthernetKind.Host,
    );
  }

  #toKernel(arp: Arp, kind: EthernetKind): DropReason | undefined {
    writeEthernetHeader(
      this.#frameView,
      VNET_HEADER_LENGTH,
      kind,
      EtherType.Arp,
    );
    emitDeviceArp(arp, this.#frameView, FRAME_HEADER_LENGTH);
    const written = this.#parts.netdev.writeBytes(this.#frame);
    return written < 0 ? refusal(-written) : undefined;
  }
}

/** Returns the target link-layer address of the packet: zero in a request, the destination in a reply. */
function targetField({ operation }: Arp, to: LinkAddress): LinkAddress {
  return operation === ArpOperation.Request ? NO_ADDRESS : to;
}
