/**
 * Packets that wait for an address, a path or a group: copies, so that no slot of the HCA is held meanwhile.
 *
 * Only the first packets to a destination come here, so a copy and an object each are affordable. The kernel may hand over
 * all that it kept for a neighbour at once, so the bound is the kernel's own, in bytes (Linux `unres_qlen_bytes`).
 * All queues of an interface have a bound together (waiting_total.ts).
 */

import type { Destination } from "./egress.ts";
import { MAX_WAITING_BYTES } from "./constants.ts";
import type { DropReason } from "./statistics.ts";
import type { UdSender } from "./ud_sender.ts";

/** A waiting packet. */
interface WaitingPacket {
  /** Virtio header, Ethernet header and packet. */
  readonly frame: Uint8Array;
  /** The IPoIB header's word. */
  readonly encap: number;
}

export class PacketQueue {
  readonly #sender: UdSender;
  readonly #limit: number;
  readonly #dropped: DropReason;
  #packets: WaitingPacket[] = [];
  #bytes = 0;

  /** @param dropped the reason to count with when the queue is full or given up */
  constructor(sender: UdSender, limit: number, dropped: DropReason) {
    this.#sender = sender;
    this.#limit = limit;
    this.#dropped = dropped;
  }

  get length(): number {
    return this.#packets.length;
  }

  /** Copies the packet out of `slot`, which is given back; counts it if the queue is full. */
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
   * Sends what waits; what finds no slot is dropped. Each packet goes by the egress of its time: a failure ends the route, and
   * the rest waits again.
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

  /** Gives up what waits. */
  drop(reason: DropReason): void {
    const { length } = this.#take();
    if (length > 0) this.#sender.statistics.drop(reason, length);
  }

  /** Gives up all but the packet that came last. */
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
