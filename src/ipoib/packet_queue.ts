/**
 * Queue of packets that wait for an address, a path or a join. Packets are copied, so that they hold no HCA slots.
 *
 * Only the first packets to a destination are queued, so a copy and an object per packet are affordable. The kernel may
 * deliver all packets that it queued for a neighbour in one burst, so the byte limit is that of the kernel's queue
 * (Linux `unres_qlen_bytes`). All queues of an interface share a second limit (waiting_total.ts).
 */

import { FRAME_HEADER_LENGTH } from "../wire/ethernet.ts";
import type { Destination } from "./egress.ts";
import { MAX_WAITING_BYTES } from "./constants.ts";
import type { DropReason } from "./statistics.ts";
import type { PacketSender } from "./packet_sender.ts";

/** A queued packet. */
interface WaitingPacket {
  /** Virtio header, Ethernet header and packet. */
  readonly frame: Uint8Array;
  /** IPoIB header as a 32-bit word. */
  readonly encap: number;
}

export class PacketQueue {
  readonly #sender: PacketSender;
  readonly #limit: number;
  readonly #dropped: DropReason;
  #packets: WaitingPacket[] = [];
  #bytes = 0;

  /**
   * @param limit maximum number of packets
   * @param dropped reason counted for packets that exceed the limit of this queue
   */
  constructor(sender: PacketSender, limit: number, dropped: DropReason) {
    this.#sender = sender;
    this.#limit = limit;
    this.#dropped = dropped;
  }

  get length(): number {
    return this.#packets.length;
  }

  /** Queues a copy of the packet, or drops and counts it over a limit. Releases `slot`. */
  push(slot: number, length: number): void {
    const { memory } = this.#sender;
    const { view, bytes, stride, layout } = memory;
    const frameLength = layout.payload - layout.vnet + length;
    const exceeded = this.#exceeded(frameLength);
    if (exceeded !== undefined) {
      this.#sender.drop(slot, length, exceeded);
      return;
    }
    const base = slot * stride;
    const from = base + layout.vnet;
    this.#packets.push({
      frame: bytes.slice(from, from + frameLength),
      encap: view.getInt32(base + layout.encap),
    });
    this.#count(1, frameLength);
    memory.unreserve(slot);
  }

  /** Returns the reason to drop another frame of this length: the limit that it exceeds; undefined if there is none. */
  #exceeded(frameLength: number): DropReason | undefined {
    const packets = this.#packets.length;
    if (
      packets >= this.#limit || this.#bytes + frameLength > MAX_WAITING_BYTES
    ) return this.#dropped;
    const allowed = this.#sender.waiting.allows(packets, frameLength);
    return allowed ? undefined : "tx_waiting_full";
  }

  /**
   * Sends all queued packets, and drops those for which no slot is free. Reads the destination's egress for each
   * packet: if a failure removes the route, the remaining packets are queued again.
   */
  sendTo(destination: Destination): void {
    const { memory, statistics } = this.#sender;
    for (const { frame, encap } of this.#take()) {
      const slot = memory.reserve(true);
      if (slot < 0) {
        this.#tapDrop(frame, "tx_no_slot");
        statistics.drop("tx_no_slot");
        continue;
      }
      const { bytes, view, stride, layout } = memory;
      const base = slot * stride;
      bytes.set(frame, base + layout.vnet);
      view.setInt32(base + layout.encap, encap);
      destination.egress.send(
        slot,
        frame.length - (layout.payload - layout.vnet),
      );
    }
  }

  /** Drops all queued packets and counts them with `reason`. */
  drop(reason: DropReason): void {
    const packets = this.#take();
    if (packets.length === 0) return;
    for (const { frame } of packets) this.#tapDrop(frame, reason);
    this.#sender.statistics.drop(reason, packets.length);
  }

  #tapDrop(frame: Uint8Array, reason: DropReason): void {
    const { statistics: { dropObservers } } = this.#sender;
    if (!dropObservers.active) return;
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
    dropObservers.sent(reason, view, 0, frame.length - FRAME_HEADER_LENGTH);
  }

  /** Drops all queued packets except the last one and counts them with `reason`. */
  keepLast(reason: DropReason): void {
    const last = this.#packets.pop();
    if (!last) return;
    this.#count(-1, -last.frame.length);
    this.drop(reason);
    this.#packets.push(last);
    this.#count(1, last.frame.length);
  }

  #take(): WaitingPacket[] {
    const packets = this.#packets;
    this.#packets = [];
    this.#count(-packets.length, -this.#bytes);
    return packets;
  }

  #count(packets: number, bytes: number): void {
    this.#bytes += bytes;
    this.#sender.waiting.add(packets, bytes);
  }
}
