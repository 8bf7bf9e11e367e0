/** The sending end of a link to a port, with arbitrary descriptors and packets. */

import {
  encodeLinkMessage,
  LINK_VERSION,
} from "../../../src/hca/soft/link_hello.ts";
import { RING_BYTES, RingSender } from "../../../src/hca/soft/ring.ts";
import {
  BTH,
  DETH,
  ENCAP,
  GRH,
  LRH,
  PAYLOAD,
  STRIDE,
} from "../../../src/hca/soft/slot_layout.ts";
import type { Fd } from "../../../src/system/fd.ts";
import { createEventFd } from "../../../src/system/event_fd.ts";
import { type Arp, emitArp } from "../../../src/wire/arp.ts";
import { createMemory, Mapping } from "../../../src/system/memory.ts";
import type { RoguePort } from "./rogue_port.ts";
import { RawConnection } from "./sockets.ts";

/** Default number of slots. `packet` reuses them in turn, even if the port has not returned them. */
const SLOTS = 4;
const UD_SEND_ONLY = 0x64;

/** The header fields of a packet that a port checks. */
export interface Fields {
  lnh: number;
  slid: number;
  /** GUID in the source GID, if the packet has a GRH. */
  sguid: bigint;
  dlid: number;
  opcode: number;
  pkey: number;
  qpn: number;
  qkey: number;
  encap: number;
}

export class RogueLink implements Disposable {
  readonly connection: RawConnection;
  /** Doorbell of the port; undefined if it polls. */
  bell: Fd | undefined;
  readonly #parts = new DisposableStack();
  readonly #count: number;
  readonly #slots: Mapping;
  readonly #words: Int32Array;
  readonly #ring: RingSender;
  readonly #peerBell = createEventFd();
  #next = 0;

  /** Opens a link with `slots` slots to the port with GUID `to`, and waits for the reply. */
  static async open(
    from: RoguePort,
    to: string,
    slots = SLOTS,
  ): Promise<RogueLink> {
    const link = new RogueLink(from, to, slots);
    const answer = await link.connection.receive();
    if (!answer) throw new Error("The port closed the connection");
    const [bell] = answer.fds;
    if (bell) link.bell = link.#parts.use(bell);
    return link;
  }

  private constructor(from: RoguePort, to: string, count: number) {
    const parts = this.#parts;
    this.#count = count;
    parts.defer(() => this.#peerBell.close());
    const memory = parts.use(createMemory("slots", count * STRIDE));
    const ringMemory = parts.use(createMemory("ring", RING_BYTES));
    this.#slots = parts.use(
      new Mapping(memory.number, count * STRIDE, "write"),
    );
    const mapping = parts.use(
      new Mapping(ringMemory.number, RING_BYTES, "write"),
    );
    this.#words = new Int32Array(mapping.buffer);
    this.#ring = new RingSender(this.#words);
    this.connection = parts.use(RawConnection.connect(from.socket(to)));
    const hello = encodeLinkMessage({
      version: LINK_VERSION,
      guid: from.guid,
      token: from.token(to),
      pkey: 0xffff,
      pool: 0,
      slots: count,
      stride: STRIDE,
    });
    this.connection.send(hello, [
      memory.number,
      ringMemory.number,
      this.#peerBell.number,
    ]);
  }

  /** Writes a packet to the next slot, and its descriptor to the ring. */
  packet(fields: Fields, length = 40): void {
    const slot = this.#next++ % this.#count;
    const base = slot * STRIDE;
    this.#headers(slot, fields);
    this.#slots.bytes.fill(0xff, base + PAYLOAD, base + PAYLOAD + 40);
    this.describe(slot, length);
  }

  /**
   * Sends an ARP packet in each slot that the port has returned, or in all slots at the first call. Returns their
   * number.
   */
  flood(fields: Fields, arp: () => Arp): number {
    const view = new DataView(this.#slots.buffer);
    const fresh = this.#next === 0 ? this.#count : 0;
    const count = fresh || this.#ring.returns();
    for (let i = 0; i < count; i++) {
      const slot = fresh > 0 ? i : this.#ring.takeReturn();
      this.#headers(slot, fields);
      const length = emitArp(arp(), view, slot * STRIDE + PAYLOAD);
      this.#ring.push(slot, length);
    }
    this.#next += count;
    this.#ring.publish();
    if (count > 0) this.#wake();
    return count;
  }

  /** Writes a descriptor to the ring. */
  describe(slot: number, length: number): void {
    this.#ring.push(slot, length);
    this.#ring.publish();
    this.#wake();
  }

  /** Sets the head of the ring to `count` without writing descriptors. */
  claim(count: number): void {
    Atomics.store(this.#words, 0, count);
    this.#wake();
  }

  /** Waits for a message or the end of the connection. True if the port has closed the connection. */
  async ended(): Promise<boolean> {
    return await this.connection.receive() === undefined;
  }

  #headers(slot: number, fields: Fields): void {
    const base = slot * STRIDE;
    const view = new DataView(this.#slots.buffer);
    view.setUint8(base + LRH + 1, fields.lnh);
    view.setUint16(base + LRH + 2, fields.dlid);
    view.setUint16(base + LRH + 6, fields.slid);
    view.setBigUint64(base + GRH + 16, fields.sguid);
    view.setUint8(base + BTH, fields.opcode);
    view.setUint16(base + BTH + 2, fields.pkey);
    view.setUint32(base + BTH + 4, fields.qpn);
    view.setUint32(base + DETH, fields.qkey);
    view.setUint32(base + ENCAP, fields.encap);
  }

  #wake(): void {
    this.connection.send(new Uint8Array(1));
  }

  [Symbol.dispose](): void {
    this.#parts.dispose();
  }
}

/** Returns header fields that a port accepts. */
export function acceptable(
  to: { lid: number; qpn: number },
  from: { lid: number; guid: string },
): Fields {
  return {
    lnh: 2,
    slid: from.lid,
    sguid: BigInt(from.guid),
    dlid: to.lid,
    opcode: UD_SEND_ONLY,
    pkey: 0xffff,
    qpn: to.qpn,
    qkey: 0xb1b,
    encap: 0x08000000,
  };
}
