/**
 * Transmit: from the kernel's stack to the fabric. In the order in which a packet passes:
 *
 *  1. Reserve: a slot of the HCA's memory. Without one the device is left alone, its queue fills, and the kernel
 *     drops what has no room in it: TCP slows down.
 *  2. Read: the device's next frame, straight into the slot: virtio header, Ethernet header, packet. These two are the
 *     reactor's (system/frames.ts): here batches of slots arrive.
 *  3. Classify: by EtherType. IP goes on with its address family, what resolves addresses goes to the family's translator
 *     (neighbour/arp_translator.ts); everything else is counted and dropped.
 *  4. Destination: a neighbour or a group (next_hops.ts): as the frame tells, from what is known of the flow, else from the
 *     kernel's routing.
 *  5. Headers: the IPoIB header, and the Ethernet header that the receiver's kernel will see.
 *  6. Egress: what the destination has at this time: a route to a peer (peer.ts) or a group (multicast/group.ts), which
 *     posts the slot (ud_sender.ts), or a queue while an address, a path or a join is waited for.
 *
 * Nothing here allocates for a packet that is sent at once. Large sends (GSO) and partial checksums pass as they
 * are: the virtio header travels with the packet.
 */

import type { Clock } from "../base/clock.ts";
import type { SendMemory } from "../hca/hca.ts";
import type { Netdev } from "../netdev/netdev.ts";
import type { FrameBatch } from "../system/frames.ts";
import { EtherType } from "../wire/encap.ts";
import { EthernetField, FRAME_HEADER_LENGTH } from "../wire/ethernet.ts";
import {
  type AddressFamily,
  type FamilyOnLink,
  FLOW_WORDS,
} from "./family/address_family.ts";
import type { NextHops } from "./next_hops.ts";
import type { UdSender } from "./ud_sender.ts";

/** What a transmitter works with. */
export interface TransmitterParts {
  readonly clock: Clock;
  readonly netdev: Netdev;
  readonly sender: UdSender;
  readonly hops: NextHops;
  readonly families: readonly FamilyOnLink[];
}

export class Transmitter {
  readonly #clock: Clock;
  readonly #netdev: Netdev;
  readonly #sender: UdSender;
  readonly #memory: SendMemory;
  readonly #hops: NextHops;
  readonly #families: readonly FamilyOnLink[];
  /** Key of the flow of the packet in hand. */
  readonly #key = new Int32Array(FLOW_WORDS);

  constructor(parts: TransmitterParts) {
    this.#clock = parts.clock;
    this.#netdev = parts.netdev;
    this.#sender = parts.sender;
    this.#memory = parts.sender.memory;
    this.#hops = parts.hops;
    this.#families = parts.families;
  }

  /** Takes frames that were read. */
  run(batch: FrameBatch): void {
    this.#sender.now = this.#clock.now();
    const { count, slot, length } = batch;
    for (let i = 0; i < count; i++) {
      this.#classify(slot[i]!, length[i]! - FRAME_HEADER_LENGTH);
    }
  }

  /** 3. Classify: a packet of `length` bytes, which is not positive if the frame ends in its header. */
  #classify(slot: number, length: number): void {
    if (length <= 0) {
      this.#sender.drop(slot, "tx_malformed");
      return;
    }
    const { view, stride, layout } = this.#memory;
    const base = slot * stride;
    const type = view.getUint16(base + layout.ethernet + EthernetField.Type);
    if (!this.#sender.qp) {
      this.#sender.drop(slot, "tx_link_down");
      return;
    }
    const families = this.#families;
    for (let i = 0; i < families.length; i++) {
      const { family, translator } = families[i]!;
      const isIp = type === family.etherType;
      if (!isIp && type !== family.resolutionType) continue;
      if (isIp && !family.isResolution(view, base + layout.payload, length)) {
        this.#route(slot, length, family);
      } else translator.transmit(slot, length);
      return;
    }
    this.#sender.drop(
      slot,
      type === EtherType.Ipv6 ? "tx_ipv6" : "tx_unknown_type",
    );
  }

  /** 4. Destination */
  #route(slot: number, length: number, family: AddressFamily): void {
    const { view, stride, layout } = this.#memory;
    const ip = slot * stride + layout.payload;
    const key = this.#key;
    if (!family.flowKey(view, ip, length, key, this.#hops.byPort)) {
      this.#sender.drop(slot, "tx_malformed");
      return;
    }
    if (family.isReport(view, ip)) this.#netdev.noteReport(this.#sender.now);
    const destination =
      this.#hops.told(view, slot * stride + layout.ethernet, key) ??
        this.#hops.known(key) ??
        this.#hops.find(family, view, ip, length, key);
    if (!destination) {
      this.#sender.drop(slot, "tx_no_route");
      return;
    }
    // 5. Headers
    this.#sender.writeHeaders(slot, destination.kind, family.etherType);
    // 6. Egress
    destination.egress.send(slot, length);
  }
}
