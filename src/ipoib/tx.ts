/**
 * Transmit path from the kernel's stack to the fabric. Stages of a packet:
 *
 *  1. Reserve: takes a slot of the HCA's memory. Without a free slot the device is not read, its queue fills, and the
 *     kernel drops packets, which slows TCP down.
 *  2. Read: reads the next frame of the device into the slot: virtio header, Ethernet header, packet. The reactor
 *     performs stages 1 and 2 (system/frames.ts) and hands over batches of slots.
 *  3. Classify: selects by EtherType. IP packets continue with their address family, address resolution packets with
 *     its translator (neighbour/arp_translator.ts, nd_translator.ts). Other packets are dropped and counted.
 *  4. Destination: determines the neighbour or group (next_hops.ts) from the frame, the flow cache or the kernel's
 *     routing.
 *  5. Headers: translates DHCP requests (dhcp_translator.ts), and writes the IPoIB header and the Ethernet header for
 *     the receiver's kernel (used on the soft HCA only).
 *  6. Egress: uses the current egress of the destination: a route to a peer (peer.ts) or a group
 *     (multicast/multicast_group.ts), which posts the slot (packet_sender.ts), or a queue while an address, a path or a
 *     join is pending.
 *
 * A packet that is sent immediately allocates nothing, unless it is a DHCP message (UDP ports 67 and 68), which is
 * parsed. On the soft HCA large sends (GSO) and partial checksums pass unchanged, because the virtio header is passed
 * with the packet. On verbs the HCA's `post` segments and completes them.
 */

import type { Clock } from "../base/clock.ts";
import type { SendMemory } from "../hca/send_memory.ts";
import type { Netdev } from "../netdev/netdev.ts";
import type { FrameBatch } from "../system/frames.ts";
import { EthernetField, FRAME_HEADER_LENGTH } from "../wire/ethernet.ts";
import {
  type AddressFamily,
  type FamilyOnLink,
  MAX_FLOW_WORDS,
} from "./family/address_family.ts";
import type { DhcpTranslator } from "./dhcp_translator.ts";
import type { IpDestination } from "./egress.ts";
import type { FlowTable } from "./flow_table.ts";
import type { NextHops } from "./next_hops.ts";
import type { PacketSender } from "./packet_sender.ts";
import { Stat } from "./statistics.ts";

/** Dependencies of a {@linkcode Transmitter}. */
export interface TransmitterParts {
  readonly clock: Clock;
  readonly netdev: Netdev;
  readonly sender: PacketSender;
  readonly hops: NextHops;
  readonly families: readonly FamilyOnLink[];
  readonly dhcp: DhcpTranslator;
}

export class Transmitter {
  readonly #clock: Clock;
  readonly #netdev: Netdev;
  readonly #sender: PacketSender;
  readonly #memory: SendMemory;
  readonly #totals: Float64Array;
  readonly #hops: NextHops;
  readonly #families: readonly FamilyOnLink[];
  readonly #dhcp: DhcpTranslator;
  /** Next-hop cache of each family, in the order of `#families`. */
  readonly #flows: readonly FlowTable<IpDestination>[];
  /** Flow key of the current packet. */
  readonly #key = new Int32Array(MAX_FLOW_WORDS);

  constructor(parts: TransmitterParts) {
    this.#clock = parts.clock;
    this.#netdev = parts.netdev;
    this.#sender = parts.sender;
    this.#memory = parts.sender.memory;
    this.#totals = parts.sender.statistics.totals.values;
    this.#hops = parts.hops;
    this.#families = parts.families;
    this.#dhcp = parts.dhcp;
    this.#flows = parts.families.map(({ family }) =>
      parts.hops.flowsOf(family)
    );
  }

  /** Transmits the frames of a batch and takes ownership of their slots. */
  run(batch: FrameBatch): void {
    this.#sender.now = this.#clock.now();
    const { count, slot, length } = batch;
    this.#totals[Stat.TxFrames]! += count;
    for (let i = 0; i < count; i++) {
      this.#classify(slot[i]!, length[i]! - FRAME_HEADER_LENGTH);
    }
  }

  /** Stage 3, classify. `length` is the packet's length in bytes, 0 or less if the frame ends in its header. */
  #classify(slot: number, length: number): void {
    if (length <= 0) {
      this.#sender.drop(slot, length, "tx_malformed");
      return;
    }
    const { view, stride, layout } = this.#memory;
    const base = slot * stride;
    const type = view.getUint16(base + layout.ethernet + EthernetField.Type);
    if (!this.#sender.qp) {
      this.#sender.drop(slot, length, "tx_link_down");
      return;
    }
    const families = this.#families;
    for (let i = 0; i < families.length; i++) {
      const { family, translator } = families[i]!;
      const isIp = type === family.etherType;
      if (!isIp && type !== family.resolutionType) continue;
      if (isIp && !family.isResolution(view, base + layout.payload, length)) {
        this.#route(slot, length, family, this.#flows[i]!);
      } else translator.transmit(slot, length);
      return;
    }
    this.#sender.drop(slot, length, "tx_unknown_type");
  }

  /** Stages 4 to 6. */
  #route(
    slot: number,
    length: number,
    family: AddressFamily,
    flows: FlowTable<IpDestination>,
  ): void {
    const { view, stride, layout } = this.#memory;
    const ip = slot * stride + layout.payload;
    const key = this.#key;
    if (!family.flowKey(view, ip, length, key, this.#hops.byPort)) {
      this.#sender.drop(slot, length, "tx_malformed");
      return;
    }
    if (family.isReport(view, ip, length)) {
      this.#netdev.noteReport(this.#sender.now);
    }
    const destination = this.#hops.fromFrame(
      family,
      view,
      slot * stride + layout.ethernet,
      ip,
    ) ??
      flows.find(key) ??
      this.#hops.resolve(family, view, ip, length, key);
    if (!destination) {
      this.#sender.drop(slot, length, "tx_no_route");
      return;
    }
    // Stage 5, headers.
    const packet = family.isDhcp(view, ip, length)
      ? this.#dhcp.toLink(slot, length)
      : length;
    this.#sender.writeHeaders(slot, destination.kind, family.etherType);
    // Stage 6, egress.
    destination.usedAt = this.#sender.now;
    destination.egress.send(slot, packet);
  }
}
