/**
 * Coalesces the received packets of a flow into one frame for the kernel (generic receive offload), by the rules of
 * coalescing_rules.ts.
 *
 * The packets of one poll are coalesced, so that no packet waits. The packets of a flow keep their order, and so do all
 * packets between two addresses if the flow of one of them cannot be known, as with fragments. Several flows are
 * coalesced at a time. Nothing is allocated per packet.
 */

import type { RxBatch } from "../../hca/rx_batch.ts";
import type { Netdev } from "../../netdev/netdev.ts";
import { FRAME_HEADER_LENGTH } from "../../wire/ethernet.ts";
import {
  ANY_FLOW,
  type NetworkRules,
  type TransportRules,
} from "./coalescing_rules.ts";
import { HeldFrame } from "./held_frame.ts";
import { ReceivedSegment } from "./received_segment.ts";
import { tcpRules } from "./tcp_rules.ts";
import { udpRules } from "./udp_rules.ts";

/** Maximum number of flows that are coalesced at a time. */
const FLOWS = 8;

/** Settings of a {@linkcode Coalescer}, which may be changed between polls. */
export interface CoalescingSettings {
  /** True if received packets are coalesced. */
  enabled: boolean;
  /** True if UDP packets are coalesced too. Has no effect if the kernel does not take the frames (Linux 6.1). */
  udp: boolean;
}

/** The device to which a {@linkcode Coalescer} writes. */
type Device = Pick<Netdev, "write" | "writeGathered" | "takesUdpFrames">;

/** See the comment at the top of this file. */
export class Coalescer implements CoalescingSettings {
  enabled = true;
  udp = false;
  readonly #netdev: Device;
  readonly #segment = new ReceivedSegment();
  /** Frames of different flows, oldest first. Those from `#count` on are free. */
  readonly #frames = Array.from({ length: FLOWS }, () => new HeldFrame());
  #count = 0;

  constructor(netdev: Device) {
    this.#netdev = netdev;
  }

  /**
   * Takes the packet of `length` bytes at `ip`, whose frame header is complete and at `address`. Writes it to the device
   * or holds it until {@linkcode flush}. The memory must not change before that.
   *
   * @param verified true if the checksums are known to be correct
   * @param sum sums words in `view` ({@linkcode RxBatch.sum})
   */
  add(
    network: NetworkRules,
    view: DataView,
    ip: number,
    length: number,
    address: bigint,
    verified: boolean,
    sum: RxBatch["sum"],
  ): void {
    const protocol = network.protocol(view, ip, length);
    const transport = this.#transportOf(protocol);
    const at = ip + network.headerLength;
    const rest = length - network.headerLength;
    const header = transport?.headerLength(view, at, rest) ?? 0;
    if (transport === undefined || header === 0) {
      const unknown = protocol === ANY_FLOW || transport !== undefined;
      if (unknown) this.#flushBetween(network, view, ip);
      this.#netdev.write(address, FRAME_HEADER_LENGTH + length);
      return;
    }
    const segment = this.#segment;
    segment.network = network;
    segment.transport = transport;
    segment.view = view;
    segment.ip = ip;
    segment.at = at;
    segment.length = length;
    segment.header = header;
    segment.payload = rest - header;
    segment.address = address;
    segment.verified = verified;
    segment.sum = sum;
    this.#take(segment);
  }

  /** Writes all frames to the device. */
  flush(): void {
    while (this.#count > 0) this.#write(0);
  }

  #transportOf(protocol: number): TransportRules | undefined {
    if (protocol === tcpRules.protocol) return tcpRules;
    const udp = protocol === udpRules.protocol && this.udp &&
      this.#netdev.takesUdpFrames;
    return udp ? udpRules : undefined;
  }

  #take(segment: ReceivedSegment): void {
    const at = this.#find(segment);
    if (at >= 0) {
      const frame = this.#frames[at]!;
      if (frame.accepts(segment)) {
        if (!frame.append(segment)) this.#write(at);
        return;
      }
      this.#write(at);
    }
    const { transport, view, header, payload } = segment;
    const starts = payload > 0 &&
      transport.starts(view, segment.at, header + payload);
    if (!starts) {
      this.#netdev.write(segment.address, FRAME_HEADER_LENGTH + segment.length);
      return;
    }
    if (this.#count === FLOWS) this.#write(0);
    this.#frames[this.#count++]!.start(segment);
  }

  /** Returns the index of the frame of the packet's flow, or -1. */
  #find(segment: ReceivedSegment): number {
    for (let i = 0; i < this.#count; i++) {
      if (this.#frames[i]!.first.isOfFlow(segment)) return i;
    }
    return -1;
  }

  /** Writes the frames of all flows between the addresses of a packet. */
  #flushBetween(network: NetworkRules, view: DataView, ip: number): void {
    for (let i = 0; i < this.#count;) {
      const { first } = this.#frames[i]!;
      if (first.isBetween(network, view, ip)) this.#write(i);
      else i++;
    }
  }

  /** Writes frame `at` to the device and frees it. */
  #write(at: number): void {
    const frames = this.#frames;
    const frame = frames[at]!;
    const last = --this.#count;
    for (let i = at; i < last; i++) frames[i] = frames[i + 1]!;
    frames[last] = frame;
    const { first, gathered, packets } = frame;
    if (packets === 1) {
      frame.finishSingle();
      this.#netdev.write(first.address, FRAME_HEADER_LENGTH + first.length);
      return;
    }
    frame.finish();
    this.#netdev.writeGathered(gathered);
  }
}
