/**
 * Packets that wait for an address, a path or a group: copies, so that no slot of the HCA is held meanwhile.
 *
 * Only the first packets to a destination come here, so a copy and an object each are affordable.
 */

/** A waiting packet. */
export interface WaitingPacket {
  /** Virtio header and payload. */
  readonly frame: Uint8Array;
  /** The IPoIB header's word. */
  readonly encap: number;
}

export class PacketQueue {
  readonly #limit: number;
  #packets: WaitingPacket[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  get length(): number {
    return this.#packets.length;
  }

  /** Appends a packet; false if the queue is full. */
  push(packet: WaitingPacket): boolean {
    if (this.#packets.length >= this.#limit) return false;
    this.#packets.push(packet);
    return true;
  }

  /** Empties the queue. */
  take(): WaitingPacket[] {
    const packets = this.#packets;
    this.#packets = [];
    return packets;
  }
}
