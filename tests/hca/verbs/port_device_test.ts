/** Packets between two queue pairs of the first InfiniBand port of this host; skipped if there is none. */

import { assert, assertEquals } from "@std/assert";
import type { AddressHandle } from "../../../src/hca/address_handle.ts";
import { PostResult } from "../../../src/hca/post_result.ts";
import { SEND_SLOTS } from "../../../src/hca/verbs/send_memory.ts";
import type { VerbsUdQp } from "../../../src/hca/verbs/ud_qp.ts";
import { bytesAt } from "../../../src/wire/bytes.ts";
import { FRAME_HEADER_LENGTH } from "../../../src/wire/ethernet.ts";
import { frameOf, large, parsed } from "../../wire/large_send_packet.ts";
import { formatGid, GID_LENGTH } from "../../../src/wire/gid.ts";
import { DeviceRig, deviceTests } from "./device_rig.ts";
import { freeSlots } from "./free_slots.ts";

const QKEY = 0x4242;
/** Word of a request with the L_Key of its first element, which follows the `struct ibv_send_wr`. */
const LKEY = (128 + 12) / 4;
const ENCAP = 0x08000000;
const LIMIT_MS = 10_000;

/** Large sends in one turn, more than there are free requests for. */
const LARGE_SENDS = 60;

/** A port with a sending and a receiving queue pair. */
class Rig extends DeviceRig {
  readonly a: VerbsUdQp;
  readonly b: VerbsUdQp;
  /** Address handle of the packets that {@linkcode send} sends. */
  handle: AddressHandle;
  /** First byte of each received packet. */
  readonly received: number[] = [];
  /** Number of received packets that are checked as segments of large sends, and their payloads. */
  checked = 0;
  readonly payloads: Uint8Array[] = [];
  /** Source GID of each received packet; undefined if it has no GRH. */
  readonly sources: (string | undefined)[] = [];

  constructor() {
    super(LIMIT_MS);
    this.a = this.#pair();
    this.b = this.#pair();
    this.handle = this.createHandle(this.port.attributes.grhRequired);
    const batch = this.b.createBatch();
    const gid = new Uint8Array(GID_LENGTH);
    this.b.onReceive = () => {
      while (this.b.poll(batch) > 0) {
        for (let i = 0; i < batch.count; i++) {
          assertEquals(batch.encap[i], ENCAP);
          assertEquals(batch.sourceQpn[i], this.a.qpn);
          const at = batch.payload[i]!;
          this.received.push(batch.view[i]!.getUint8(at));
          const global = this.b.sourceGid(batch, i, gid);
          this.sources.push(global ? formatGid(gid) : undefined);
          if (this.checked === 0) continue;
          this.checked--;
          const packet = bytesAt(batch.view[i]!, at, batch.length[i]!);
          this.payloads.push(parsed(packet).payload);
        }
        this.b.release(batch);
      }
    };
  }

  /** Creates an address handle of this port, with or without a GRH. */
  createHandle(global: boolean): AddressHandle {
    const { lid, gid } = this.port.attributes;
    const grh = {
      dgid: gid,
      ...{ flowLabel: 0, hopLimit: 0, trafficClass: 0, sgidIndex: 0 },
    };
    return this.port.createAddressHandle({
      ...{ dlid: lid, sl: 0, staticRate: 0 },
      ...(global ? { grh } : {}),
    });
  }

  #pair(): VerbsUdQp {
    const qp = this.port.createUdQp({
      pkeyIndex: 0,
      recvQueueSize: 256,
    }) as VerbsUdQp;
    qp.setQkey(QKEY);
    return qp;
  }

  /** Sends a packet that begins with `byte`; returns its slot. */
  send(byte: number, length = 100): number {
    const { send } = this.port;
    const slot = send.reserve();
    assert(slot >= 0, "no slot is free");
    const base = slot * send.stride;
    send.view.setInt32(base + send.layout.encap, ENCAP);
    send.bytes[base + send.layout.payload] = byte;
    const result = this.a.post(slot, length, this.handle, this.b.qpn, QKEY);
    assertEquals(result, PostResult.Sent);
    return slot;
  }

  /** Sends a frame. Returns false if no slot is free. */
  sendFrame(frame: Uint8Array): boolean {
    const { send } = this.port;
    const slot = send.reserve();
    if (slot < 0) return false;
    const base = slot * send.stride;
    send.bytes.set(frame, base + send.layout.vnet);
    send.view.setInt32(base + send.layout.encap, ENCAP);
    const length = frame.length - FRAME_HEADER_LENGTH;
    const result = this.a.post(slot, length, this.handle, this.b.qpn, QKEY);
    assertEquals(result, PostResult.Sent);
    return true;
  }

  override [Symbol.dispose](): void {
    this.handle.destroy();
    super[Symbol.dispose]();
  }
}

const deviceTest = deviceTests(Rig);

deviceTest("a packet is received by another queue pair of the port", (rig) => {
  rig.send(0x45);
  rig.until("received", () => rig.received.length === 1);
  assertEquals(rig.received, [0x45]);
});

deviceTest(
  "a unicast packet has a GRH with the GID of its port if its address handle has one",
  (rig) => {
    const { gid, grhRequired } = rig.port.attributes;
    rig.send(1);
    rig.until("received", () => rig.received.length === 1);
    rig.handle.destroy();
    rig.handle = rig.createHandle(true);
    rig.send(2);
    rig.until("received", () => rig.received.length === 2);
    assertEquals(rig.sources, [
      grhRequired ? formatGid(gid) : undefined,
      formatGid(gid),
    ]);
  },
);

deviceTest(
  "2000 packets are received in order, and every send is counted as posted and completed",
  (rig) => {
    const sent: number[] = [];
    while (sent.length < 2000) {
      for (let i = 0; i < 20; i++) {
        sent.push(sent.length & 0xff);
        rig.send(sent.at(-1)!, 1 + sent.length);
      }
      rig.until("received", () => rig.received.length === sent.length);
    }
    rig.until("completed", () => rig.counter("outstanding") === 0);
    assertEquals(rig.received, sent);
    assertEquals(rig.counter("posted"), 2000);
    assertEquals(rig.counter("completed"), 2000);
  },
);

deviceTest(
  "a message longer than the port's MTU is refused, and its slot freed",
  (rig) => {
    const { send, attributes } = rig.port;
    const slot = send.reserve();
    const free = freeSlots(send);
    assertEquals(
      rig.a.post(slot, attributes.activeMtu - 3, rig.handle, rig.b.qpn, QKEY),
      PostResult.TooLong,
    );
    assertEquals(freeSlots(send), free + 1);
  },
);

deviceTest("a queue pair in error is restarted with the same QPN", (rig) => {
  const { qpn } = rig.a;
  const { words } = rig.port.send.requests;
  // The first request that is taken.
  rig.send(1);
  words[LKEY]! ^= 0x5a5a00;
  rig.until("recovered", () => rig.counter("recoveries") === 1);
  words[LKEY]! ^= 0x5a5a00;
  assertEquals(rig.counter("outstanding"), 0);
  assertEquals(rig.counter("posted"), rig.counter("completed"));
  rig.send(2);
  rig.until("received", () => rig.received.length > 0);
  assertEquals(rig.received, [2]);
  assertEquals(rig.a.qpn, qpn);
});

deviceTest(
  "reserve() fails without free slots, and completions give credit",
  (rig) => {
    let credit = 0;
    rig.port.onCredit(() => credit++);
    const { send } = rig.port;
    for (let i = 0; i < SEND_SLOTS; i++) rig.send(i & 0xff);
    assertEquals(send.reserve(), -1);
    rig.until("credit", () => credit > 0);
    rig.until("all slots free", () => freeSlots(send) === SEND_SLOTS);
  },
);

deviceTest(
  "a large send is received as segments with correct checksums",
  (rig) => {
    const fields = large({ size: 1000, payload: new Uint8Array(60_500) });
    const before = rig.counter("posted");
    rig.checked = 61;
    assert(rig.sendFrame(frameOf(fields)));
    rig.until("received", () => rig.checked === 0);
    const payload = Uint8Array.from(rig.payloads.flatMap((each) => [...each]));
    assertEquals(payload, fields.payload);
    assertEquals(rig.counter("posted") - before, 61);
  },
);

deviceTest(
  "large sends for which no request is free are sent later, in order",
  (rig) => {
    const { send } = rig.port;
    let credit = 0;
    rig.port.onCredit(() => credit++);
    let sent = 0;
    let starved = false;
    const frame = frameOf(
      large({ size: 1000, payload: new Uint8Array(40_000) }),
    );
    rig.until("sent", () => {
      while (sent < LARGE_SENDS && rig.sendFrame(frame)) sent++;
      if (send.waiting > 0) starved = true;
      rig.port.flush();
      return sent === LARGE_SENDS && rig.counter("outstanding") === 0;
    });
    assert(starved, "requests were missing");
    assert(credit > 0);
    assertEquals(rig.counter("posted"), LARGE_SENDS * 40);
    assertEquals(rig.counter("send_errors"), 0);
    assertEquals(freeSlots(send), SEND_SLOTS);
  },
);
