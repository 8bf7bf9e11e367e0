/** Queue pairs of the fake fabric (fake.ts). */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { ENCAP_LENGTH, pkeysMatch } from "../base/units.ts";
import { gidEquals } from "../wire/gid.ts";
import { GsoType } from "../wire/vnet.ts";
import type {
  AddressHandle,
  AddressHandleAttributes,
} from "./address_handle.ts";
import type { FakeAddressHandle } from "./fake_address_handle.ts";
import { LAYOUT, STRIDE } from "./fake_memory.ts";
import type {
  Completion,
  FakeTransport,
  PostedPacket,
} from "./fake_transport.ts";
import { PostResult } from "./post_result.ts";
import { type RxBatch, RxFlag } from "./rx_batch.ts";
import type { ObservedPacket } from "./observed.ts";
import {
  UD_HEADERS_LENGTH,
  writePacketHeaders,
  writePathHeaders,
} from "./ud_headers.ts";
import {
  type CqModeration,
  QKEY_FROM_QP,
  type QueuePairOptions,
  type UdQp,
} from "./ud_qp.ts";

const BATCH_PACKETS = 8;

interface FakeBatch extends RxBatch {
  readonly capacity: number;
  readonly taken: (Completion | undefined)[];
}

/** A UD queue pair of a fake port. */
export class FakeUdQp implements UdQp {
  readonly qpn: number;
  onReceive: () => void = () => {};
  onFailure: (error: IpoibError) => void = () => {};
  qkey = 0;
  closed = false;
  /** The moderation that was set last. */
  moderation: CqModeration = { rxUsecs: 0, rxFrames: 0 };
  /** Groups that the queue pair is attached to. */
  readonly attached: { mgid: Uint8Array; mlid: number }[] = [];
  readonly #port: FakeTransport;
  readonly #qps: Map<number, FakeUdQp>;
  readonly #pkeyIndex: number;
  /** Number of received packets that can wait to be polled. */
  readonly capacity: number;
  readonly #completions: Completion[] = [];

  /** @param qps the open queue pairs of the port by QPN; the constructor adds this one, `close` removes it */
  constructor(
    port: FakeTransport,
    qps: Map<number, FakeUdQp>,
    qpn: number,
    options: QueuePairOptions,
  ) {
    this.#port = port;
    this.#qps = qps;
    qps.set(qpn, this);
    this.qpn = qpn;
    this.#pkeyIndex = options.pkeyIndex;
    this.capacity = options.recvQueueSize;
  }

  /** The P_Key at the queue pair's index in the port's table; 0 if there is none. */
  get pkey(): number {
    return this.#port.attributes.pkeys[this.#pkeyIndex] ?? 0;
  }

  setQkey(qkey: number): void {
    this.#port.onCall("setQkey");
    this.qkey = qkey >>> 0;
  }

  post(
    slot: number,
    length: number,
    ah: AddressHandle,
    destQpn: number,
    qkey: number,
  ): PostResult {
    const port = this.#port;
    const { send, misuse } = port;
    const handle = ah as FakeAddressHandle;
    if (!send.holds(slot)) {
      misuse.push(`slot ${slot} was posted without being reserved`);
    }
    if (handle.destroyed) misuse.push("a destroyed address handle was used");
    const base = slot * STRIDE;
    const vnet = base + LAYOUT.vnet;
    const ethernet = base + LAYOUT.ethernet;
    const payload = base + LAYOUT.payload;
    const large = isLarge(send.bytes.subarray(vnet, ethernet));
    const ready = !this.closed && port.attributes.state === "active";
    const result = !ready
      ? PostResult.NotReady
      : !large && length + ENCAP_LENGTH > port.attributes.activeMtu
      ? PostResult.TooLong
      : port.postResult;
    const packet: PostedPacket = {
      from: port,
      sourceQpn: this.qpn,
      handle: handle.attributes,
      multicast: handle.multicast,
      destQpn,
      qkey: (qkey & QKEY_FROM_QP) !== 0 ? this.qkey : qkey >>> 0,
      pkey: this.pkey,
      encap: send.view.getInt32(base + LAYOUT.encap),
      vnet: send.bytes.slice(vnet, ethernet),
      ethernet: send.bytes.slice(ethernet, payload),
      payload: send.bytes.slice(payload, payload + length),
    };
    if (port.observers.active) {
      this.#publish("sent", result, { packet, slot, length }, vnet);
    }
    if (result === PostResult.Sent) port.transmit(packet, slot, length);
    else send.unref(slot);
    return result;
  }

  /** @param vnet offset of the virtio header, or -1 if there is none */
  #publish(
    direction: ObservedPacket["direction"],
    status: PostResult,
    { packet, slot, length }: Completion,
    vnet: number,
  ): void {
    const { handle, encap, pkey, destQpn, qkey, sourceQpn, from } = packet;
    const { observers } = this.#port;
    const { view } = from.send;
    const { lid, gid } = from.attributes;
    const headers = new DataView(new ArrayBuffer(UD_HEADERS_LENGTH));
    writePathHeaders(headers, handle, gid);
    const large = isLarge(packet.vnet);
    writePacketHeaders(
      headers,
      0,
      large ? 0 : length + ENCAP_LENGTH,
      lid,
      pkey,
      destQpn,
      0,
      qkey,
      sourceQpn,
    );
    observers.setHeaders(headers, 0);
    const payload = slot * STRIDE + LAYOUT.payload;
    observers.setPacket(encap, view, vnet, payload, length);
    observers.deliver(direction, status, this.qpn);
  }

  /** True if the queue pair is attached to the group of a multicast destination. */
  isAttachedTo({ dlid, grh }: AddressHandleAttributes): boolean {
    return grh !== undefined &&
      this.attached.some(({ mgid, mlid }) =>
        mlid === dlid && gidEquals(mgid, grh.dgid)
      );
  }

  /** Queues a packet to be polled, or drops and counts it. */
  receive(completion: Completion): void {
    const { packet, slot } = completion;
    const { counted } = this.#port;
    if (!pkeysMatch(packet.pkey, this.pkey)) counted.add("pkey_violations");
    else if (packet.qkey !== this.qkey) counted.add("qkey_violations");
    else if (this.#completions.length >= this.capacity) {
      counted.add("rcv_no_buffer");
    } else {
      counted.add("rcv_packets");
      packet.from.send.ref(slot);
      this.#completions.push(completion);
      this.onReceive();
    }
  }

  /** Queues a message of a connection to be polled. Returns false if there is no receive buffer. */
  receiveConnected(completion: Completion): boolean {
    if (this.#completions.length >= this.capacity) return false;
    const { packet, slot } = completion;
    this.#port.counted.add("rcv_packets");
    packet.from.send.ref(slot);
    this.#completions.push(completion);
    this.onReceive();
    return true;
  }

  poll(batch: RxBatch): number {
    const { taken, capacity } = batch as FakeBatch;
    if (taken[0]) {
      this.#port.misuse.push("a batch was polled without being released");
    }
    batch.count = Math.min(capacity, this.#completions.length);
    for (let i = 0; i < batch.count; i++) {
      const completion = this.#completions.shift()!;
      const { packet, slot, length } = completion;
      const { bytes, view, vnetAddress } = packet.from.send;
      const base = slot * STRIDE;
      if (batch.headersMissing) {
        bytes.fill(0xa5, base + LAYOUT.vnet, base + LAYOUT.payload);
      }
      taken[i] = completion;
      batch.view[i] = view;
      batch.payload[i] = base + LAYOUT.payload;
      batch.length[i] = length;
      batch.encap[i] = packet.encap;
      batch.vnetAddress[i] = vnetAddress[slot]!;
      const connected = packet.connection !== undefined;
      batch.sourceQpn[i] = connected ? packet.destQpn : packet.sourceQpn;
      const { attributes } = packet.from;
      const { pathBits = 0 } = packet.handle;
      batch.sourceLid[i] = connected ? 0 : attributes.lid | pathBits;
      batch.flags[i] = connected
        ? RxFlag.Connected
        : (packet.handle.grh ? RxFlag.Grh : 0) |
          (packet.multicast ? RxFlag.Multicast : 0);
      if (this.#port.observers.active) {
        const vnet = batch.headersMissing ? -1 : base + LAYOUT.vnet;
        this.#publish("received", PostResult.Sent, completion, vnet);
      }
    }
    return batch.count;
  }

  release(batch: RxBatch): void {
    const { taken } = batch as FakeBatch;
    for (let i = 0; i < batch.count; i++) {
      const completion = taken[i];
      if (!completion) continue;
      completion.packet.from.send.unref(completion.slot);
      taken[i] = undefined;
    }
    batch.count = 0;
  }

  /** Stores the moderation. Throws `E_MODERATION` if the port `refusesModeration`. */
  setModeration(moderation: CqModeration): void {
    this.#port.onCall("setModeration");
    if (this.#port.refusesModeration) {
      throw new IpoibError(
        "E_MODERATION",
        "The fake device does not support completion moderation",
        { errno: Errno.EOPNOTSUPP },
      );
    }
    this.moderation = moderation;
  }

  createBatch(): RxBatch {
    const batch: FakeBatch = {
      count: 0,
      capacity: BATCH_PACKETS,
      headersMissing: this.#port.headersMissing,
      view: new Array(BATCH_PACKETS).fill(new DataView(new ArrayBuffer(0))),
      payload: new Int32Array(BATCH_PACKETS),
      length: new Int32Array(BATCH_PACKETS),
      encap: new Int32Array(BATCH_PACKETS),
      vnetAddress: new Array(BATCH_PACKETS).fill(0n),
      sourceQpn: new Int32Array(BATCH_PACKETS),
      sourceLid: new Int32Array(BATCH_PACKETS),
      flags: new Int32Array(BATCH_PACKETS),
      taken: new Array(BATCH_PACKETS).fill(undefined),
    };
    return batch;
  }

  sourceGid(batch: RxBatch, i: number, into: Uint8Array): boolean {
    const packet = (batch as FakeBatch).taken[i]?.packet;
    if (!packet?.handle.grh || packet.connection) return false;
    into.set(packet.from.attributes.gid);
    return true;
  }

  attachMulticast(mgid: Uint8Array, mlid: number): void {
    this.#port.onCall("attachMulticast");
    this.attached.push({ mgid: mgid.slice(), mlid });
  }

  detachMulticast(mgid: Uint8Array, mlid: number): void {
    const at = this.attached.findIndex((group) =>
      group.mlid === mlid && gidEquals(group.mgid, mgid)
    );
    if (at < 0) {
      this.#port.misuse.push(
        "a queue pair was detached from a group without being attached",
      );
    } else this.attached.splice(at, 1);
  }

  close(): void {
    this.closed = true;
    this.#qps.delete(this.qpn);
    const rest = this.#completions.splice(0);
    for (const { packet, slot } of rest) packet.from.send.unref(slot);
  }
}

/** True if the virtio header is that of a large send. */
function isLarge(vnet: Uint8Array): boolean {
  return vnet[1] !== GsoType.None;
}
