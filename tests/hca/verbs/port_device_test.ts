/** A port of the first InfiniBand device of this host, where there is one: packets from one queue pair to another of the same port. */

import { assert, assertEquals } from "@std/assert";
import { patient } from "../../../scripts/machine.ts";
import { type AddressHandle, PostResult } from "../../../src/hca/hca.ts";
import { VerbsPort } from "../../../src/hca/verbs/port.ts";
import { probeVerbs } from "../../../src/hca/verbs/probe.ts";
import { SEND_SLOTS, WR_STRIDE } from "../../../src/hca/verbs/send_memory.ts";
import type { VerbsUdQp } from "../../../src/hca/verbs/ud_qp.ts";
import { PollReactor } from "../../../src/system/poll_reactor.ts";
import { socketPair } from "../../../src/system/socket_pair.ts";
import { freeSlots } from "./free_slots.ts";

const { ports, library } = probeVerbs();
const found = ports.find((port) => port.linkLayer === "infiniband");
const reason = !found
  ? " (skipped: this host has no InfiniBand port)"
  : library
  ? ""
  : " (skipped: libibverbs is missing)";
const QKEY = 0x4242;
const LKEY_OFFSET = 128 + 12;
const ENCAP = 0x08000000;

class Rig implements Disposable {
  readonly reactor = new PollReactor();
  readonly port: VerbsPort;
  readonly a: VerbsUdQp;
  readonly b: VerbsUdQp;
  readonly handle: AddressHandle;
  /** First bytes of what came. */
  readonly heard: number[] = [];
  readonly #other;

  constructor() {
    const [ours, theirs] = socketPair();
    this.#other = theirs;
    const { device, port } = found!;
    this.port = new VerbsPort({
      reactor: this.reactor,
      device,
      port,
      mads: ours.release(),
    });
    this.a = this.#pair();
    this.b = this.#pair();
    this.handle = this.port.createAddressHandle({
      dlid: this.port.attributes.lid,
      sl: 0,
      staticRate: 0,
    });
    const batch = this.b.createBatch();
    this.b.onReceive = () => {
      while (this.b.poll(batch) > 0) {
        for (let i = 0; i < batch.count; i++) {
          assertEquals(batch.encap[i], ENCAP);
          assertEquals(batch.sourceQpn[i], this.a.qpn);
          this.heard.push(batch.view[i]!.getUint8(batch.payload[i]!));
        }
        this.b.release(batch);
      }
    };
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
    assert(slot >= 0, "a slot is free");
    const base = slot * send.stride;
    send.view.setInt32(base + send.layout.encap, ENCAP);
    send.bytes[base + send.layout.payload] = byte;
    const result = this.a.post(slot, length, this.handle, this.b.qpn, QKEY);
    assertEquals(result, PostResult.Sent);
    return slot;
  }

  /** Takes turns until `done`, for ten seconds at most. */
  until(done: () => boolean): void {
    const end = performance.now() + patient(10_000);
    while (!done() && performance.now() < end) this.reactor.turn(20);
    assert(done(), "in ten seconds");
  }

  counter(name: string): number {
    return this.port.counters()[name]!;
  }

  [Symbol.dispose](): void {
    this.handle.destroy();
    this.port.close();
    this.#other.close();
  }
}

function deviceTest(name: string, run: (rig: Rig) => void): void {
  Deno.test({
    name: `${name}${reason}`,
    ignore: reason !== "",
    fn: () => {
      using rig = new Rig();
      run(rig);
    },
  });
}

deviceTest("a packet goes from one queue pair to another", (rig) => {
  rig.send(0x45);
  rig.until(() => rig.heard.length === 1);
  assertEquals(rig.heard, [0x45]);
});

deviceTest(
  "2000 packets arrive in order, and none is unaccounted for",
  (rig) => {
    const sent: number[] = [];
    while (sent.length < 2000) {
      for (let i = 0; i < 20; i++) {
        sent.push(sent.length & 0xff);
        rig.send(sent.at(-1)!, 1 + sent.length);
      }
      rig.until(() => rig.heard.length === sent.length);
    }
    rig.until(() => rig.counter("outstanding") === 0);
    assertEquals(rig.heard, sent);
    assertEquals(rig.counter("posted"), 2000);
    assertEquals(rig.counter("completed"), 2000);
  },
);

deviceTest("a packet over the port's MTU is refused", (rig) => {
  const { send, attributes } = rig.port;
  const slot = send.reserve();
  const free = freeSlots(send);
  assertEquals(
    rig.a.post(slot, attributes.activeMtu - 3, rig.handle, rig.b.qpn, QKEY),
    PostResult.TooLong,
  );
  assertEquals(freeSlots(send), free + 1);
});

deviceTest("a queue pair in error is started again", (rig) => {
  const { qpn } = rig.a;
  const { view } = rig.port.send.requests;
  const slot = rig.send(1);
  const lkey = slot * WR_STRIDE + LKEY_OFFSET;
  const right = view.getUint32(lkey, true);
  view.setUint32(lkey, right ^ 0x5a5a00, true);
  rig.until(() => rig.counter("recoveries") === 1);
  view.setUint32(lkey, right, true);
  assertEquals(rig.counter("outstanding"), 0);
  assertEquals(rig.counter("posted"), rig.counter("completed"));
  rig.send(2);
  rig.until(() => rig.heard.length > 0);
  assertEquals(rig.heard, [2]);
  assertEquals(rig.a.qpn, qpn);
});

deviceTest("slots run out, and credit comes with the completions", (rig) => {
  let credit = 0;
  rig.port.onCredit(() => credit++);
  const { send } = rig.port;
  for (let i = 0; i < SEND_SLOTS; i++) rig.send(i & 0xff);
  assertEquals(send.reserve(), -1);
  rig.until(() => credit > 0);
  rig.until(() => freeSlots(send) === SEND_SLOTS);
});
