/**
 * The completion queue of received packets: packets that have passed the checks of inbound.ts and are not polled yet.
 *
 * A ring over preallocated arrays; nothing is allocated per packet.
 */

import { type RxBatch, RxFlag } from "../rx_batch.ts";
import { hasGrh } from "../ud_headers.ts";
import { GID_LENGTH } from "../../wire/gid.ts";
import { FIRST_MLID } from "../../wire/lrh.ts";
import type { InLink } from "./in_link.ts";
import {
  BTH,
  DETH,
  ENCAP,
  GRH,
  LRH,
  PAYLOAD,
  STRIDE,
  VNET,
} from "./slot_layout.ts";

const VNET_DATA_VALID = 2;

/** A batch with the links and slots that `release` returns. */
export interface SoftRxBatch extends RxBatch {
  readonly capacity: number;
  readonly links: (InLink | undefined)[];
  readonly slot: Int32Array;
}

/** Returns an empty batch for up to `capacity` packets. */
export function createSoftBatch(capacity: number): SoftRxBatch {
  return {
    count: 0,
    capacity,
    headersMissing: false,
    view: new Array(capacity).fill(new DataView(new ArrayBuffer(0))),
    payload: new Int32Array(capacity),
    length: new Int32Array(capacity),
    encap: new Int32Array(capacity),
    vnetAddress: new Array(capacity).fill(0n),
    sourceQpn: new Int32Array(capacity),
    sourceLid: new Int32Array(capacity),
    flags: new Int32Array(capacity),
    links: new Array(capacity).fill(undefined),
    slot: new Int32Array(capacity),
  };
}

/** The completion queue of one queue pair. */
export class CompletionQueue {
  readonly #links: (InLink | undefined)[];
  readonly #slots: Int32Array;
  /** Payload lengths; inverted (`~`) for messages of connections. */
  readonly #lengths: Int32Array;
  readonly #mask: number;
  #from = 0;
  #count = 0;

  /** @param size capacity in packets, a power of two */
  constructor(size: number) {
    this.#links = new Array(size).fill(undefined);
    this.#slots = new Int32Array(size);
    this.#lengths = new Int32Array(size);
    this.#mask = size - 1;
  }

  get count(): number {
    return this.#count;
  }

  /** Appends a datagram and holds its slot. Returns false if the queue is full. */
  push(link: InLink, slot: number, length: number): boolean {
    if (this.#count > this.#mask) return false;
    const at = (this.#from + this.#count++) & this.#mask;
    this.#links[at] = link;
    this.#slots[at] = slot;
    this.#lengths[at] = length;
    link.hold(slot);
    return true;
  }

  /** Appends a message of a connection and holds its slot. Returns false if the queue is full. */
  pushConnected(link: InLink, slot: number, length: number): boolean {
    return this.push(link, slot, ~length);
  }

  /** Drops the messages to the RC queue pair with this QPN. */
  dropConnected(qpn: number): void {
    for (let i = 0; i < this.#count; i++) {
      const at = (this.#from + i) & this.#mask;
      const link = this.#links[at];
      if (!link?.open || this.#lengths[at]! >= 0) continue;
      const slot = this.#slots[at]!;
      const destination = link.view.getInt32(slot * STRIDE + BTH + 4);
      if ((destination & 0xffffff) !== qpn) continue;
      this.#links[at] = undefined;
      link.release(slot);
    }
  }

  /** Moves up to `batch.capacity` packets into `batch`; returns their number. */
  poll(batch: SoftRxBatch): number {
    let n = 0;
    while (n < batch.capacity && this.#count > 0) {
      const at = this.#from;
      this.#from = (at + 1) & this.#mask;
      this.#count--;
      const link = this.#links[at];
      if (!link?.open) continue;
      const slot = this.#slots[at]!;
      const base = slot * STRIDE;
      const { view } = link;
      const length = this.#lengths[at]!;
      const valid = (view.getUint8(base + VNET) & VNET_DATA_VALID) !== 0;
      batch.links[n] = link;
      batch.slot[n] = slot;
      batch.view[n] = view;
      batch.payload[n] = base + PAYLOAD;
      batch.encap[n] = view.getInt32(base + ENCAP);
      batch.vnetAddress[n] = link.vnetAddress[slot]!;
      const checksum = valid ? RxFlag.ChecksumOk : 0;
      if (length < 0) {
        batch.length[n] = ~length;
        batch.sourceQpn[n] = view.getInt32(base + BTH + 4) & 0xffffff;
        batch.sourceLid[n] = 0;
        batch.flags[n] = RxFlag.Connected | checksum;
      } else {
        const grh = hasGrh(view, base);
        const multicast = view.getUint16(base + LRH + 2) >= FIRST_MLID;
        batch.length[n] = length;
        batch.sourceQpn[n] = view.getInt32(base + DETH + 4) & 0xffffff;
        batch.sourceLid[n] = view.getUint16(base + LRH + 6);
        batch.flags[n] = (grh ? RxFlag.Grh : 0) |
          (multicast ? RxFlag.Multicast : 0) | checksum;
      }
      n++;
    }
    batch.count = n;
    return n;
  }

  /** Drops the packets of a link that is about to end and unmap its memory. */
  purge(link: InLink): void {
    for (let i = 0; i < this.#links.length; i++) {
      if (this.#links[i] === link) this.#links[i] = undefined;
    }
  }
}

/** Releases the slots of a batch to their links, and empties the batch. */
export function releaseBatch(batch: SoftRxBatch): void {
  const { links, slot } = batch;
  for (let i = 0; i < batch.count; i++) {
    links[i]!.release(slot[i]!);
    links[i] = undefined;
  }
  batch.count = 0;
}

/** Copies the source GID (16 bytes) of packet `i` from its GRH. Returns false if the packet has no GRH. */
export function copySourceGid(
  batch: RxBatch,
  i: number,
  into: Uint8Array,
): boolean {
  if (!(batch.flags[i]! & RxFlag.Grh)) return false;
  const at = batch.payload[i]! - PAYLOAD + GRH + 8;
  const view = batch.view[i]!;
  for (let k = 0; k < GID_LENGTH; k++) into[k] = view.getUint8(at + k);
  return true;
}
