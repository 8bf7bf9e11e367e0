/**
 * Queue of packets that wait for an address, a path or a join. Packets are copied, so that they hold no HCA slots.
 *
 * Only the first packets to a destination are queued, so a copy and an object per packet are affordable. The kernel may
 * deliver all packets that it queued for a neighbour in one burst, so the byte limit is that of the kernel's queue
 * (Linux `unres_qlen_bytes`). All queues of an interface share a second limit (waiting_total.ts).
 */

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
    const { memory, waiting, statistics } = this.#sender;
    const { view, bytes, stride, layout } = memory;
    const frameLength = layout.payload - layout.vnet + length;
    if (
      this.#packets.length >= this.#limit ||
      this.#bytes + frameLength > MAX_WAITING_BYTES
    ) statistics.drop(this.#dropped);
    else if (!waiting.allows(this.#packets.length, frameLength)) {
      statistics.drop("tx_waiting_full");
    } else {
      const base = slot * stride;
      const from = base + layout.vnet;
      this.#packets.push({
        frame: bytes.slice(from, from + frameLength),
        encap: view.getInt32(base + layout.encap),
      });
      this.#count(1, frameLength);
    }
    memory.unreserve(slot);
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
    const { length } = this.#take();
    if (length > 0) this.#sender.statistics.drop(reason, length);
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
