/**
 * A continuous flow of datagrams between two hosts. Their sequence numbers and contents allow the receiver to check
 * them.
 */

import type { Host, UdpSocket } from "../../tests/e2e/harness/mod.ts";

const HEADER = 8;
const SIZES = [8, 64, 512, 1500, 2016, 2017, 6000];
/** Period of the pattern, a prime, so that a misplaced part of a datagram does not match. */
const PERIOD = 4093;

const pattern = new Uint8Array(3 * PERIOD);
let state = 0x1b0b;
for (let i = 0; i < PERIOD; i++) {
  state = Math.imul(state, 1664525) + 1013904223 >>> 0;
  pattern[i] = state >>> 24;
}
for (let i = PERIOD; i < pattern.length; i++) pattern[i] = pattern[i - PERIOD]!;

/** A flow in one direction. */
export class CheckedFlow {
  readonly from: Host;
  readonly to: Host;
  readonly #sender: UdpSocket;
  readonly #receiver: UdpSocket;
  readonly #port: number;
  readonly #id: number;
  #sent = 0;
  /** True while the flow sends. */
  active = true;
  received = 0;
  /** Number of received datagrams that differ from the sent ones. */
  wrong = 0;
  /** Highest sequence number that has arrived. */
  #last = -1;

  /** @param port unique port of the receiver's socket */
  constructor(
    id: number,
    [from, sender]: readonly [Host, UdpSocket],
    [to, receiver]: readonly [Host, UdpSocket],
    port: number,
  ) {
    this.#id = id;
    this.from = from;
    this.to = to;
    this.#sender = sender;
    this.#receiver = receiver;
    this.#port = port;
  }

  /** Sequence number of the next datagram. */
  get next(): number {
    return this.#sent;
  }

  /** Returns true if the datagram with this number or a later one has arrived. */
  hasArrived(number: number): boolean {
    return this.#last >= number;
  }

  send(): void {
    const number = this.#sent++;
    const size = SIZES[number % SIZES.length]!;
    const bytes = new Uint8Array(size);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, this.#id);
    view.setUint32(4, number);
    bytes.set(this.#payload(number, size - HEADER), HEADER);
    try {
      this.#sender.send(this.to.address, this.#port, bytes);
    } catch {
      // The interface does not exist at the moment, or its queue is full.
    }
  }

  receive(): void {
    for (const bytes of this.#receiver.receive()) {
      if (this.#isCorrect(bytes)) {
        this.received++;
        const number = new DataView(bytes.buffer).getUint32(4);
        this.#last = Math.max(this.#last, number);
      } else this.wrong++;
    }
  }

  #isCorrect(bytes: Uint8Array): boolean {
    if (bytes.length < HEADER) return false;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const number = view.getUint32(4);
    if (
      view.getUint32(0) !== this.#id || number >= this.#sent ||
      bytes.length !== SIZES[number % SIZES.length]
    ) return false;
    const expected = this.#payload(number, bytes.length - HEADER);
    return expected.every((byte, i) => bytes[HEADER + i] === byte);
  }

  #payload(number: number, length: number): Uint8Array {
    const at = Math.imul(number, 2654435761) >>> 0;
    return pattern.subarray(at % PERIOD, at % PERIOD + length);
  }
}
