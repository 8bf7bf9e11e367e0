/** A UD queue pair on a fake device: its capacities, and the checks of posted packets. */

import { assert, assertEquals } from "@std/assert";
import { libc } from "../../../ffi/libc.ts";
import { IbvQpInitAttr } from "../../../ffi/verbs_layout.ts";
import { PostResult } from "../../../src/hca/post_result.ts";
import type { RcConnection } from "../../../src/hca/rc_qp.ts";
import { VerbsAddressHandle } from "../../../src/hca/verbs/address_handle.ts";
import { SEND_REQUESTS } from "../../../src/hca/verbs/send_requests.ts";
import { FRAME_HEADER_LENGTH } from "../../../src/wire/ethernet.ts";
import {
  checkSegments,
  frameOf,
  large,
  parsed,
} from "../../wire/large_send_packet.ts";
import { type Seen, seen } from "../observed.ts";
import { RECEIVES, UdQpRig } from "./ud_qp_rig.ts";

const ENCAP = 0x08000000;
const PATH = { dlid: 9, sl: 3, staticRate: 0 };

/** Length of a message without a packet: shorter than the GRH and the IPoIB header. */
const TOO_SHORT = 43;

class Rig extends UdQpRig {
  constructor(receives?: number) {
    super(true, receives);
  }

  /** Completes a receive of each length, in the order of the buffers. */
  receive(...lengths: number[]): void {
    const messages = lengths.map((length, id) => ({ id, length }));
    this.received.waiting.push(...messages);
  }

  /** Polls as the engine does, and returns the numbers of packets. */
  poll(): number[] {
    const batch = this.qp.createBatch();
    const polls: number[] = [];
    this.qp.onReceive = () => {
      for (let n = this.qp.poll(batch); n > 0; n = this.qp.poll(batch)) {
        polls.push(n);
        this.qp.release(batch);
      }
    };
    this.waitedAtArm.length = 0;
    this.qp.receive();
    return polls;
  }

  /** Posts and flushes a frame. */
  post(frame: Uint8Array): PostResult {
    const { memory } = this;
    const slot = memory.reserve();
    const base = slot * memory.stride;
    memory.bytes.set(frame, base + memory.layout.vnet);
    memory.view.setInt32(base + memory.layout.encap, ENCAP);
    const handle = new VerbsAddressHandle(PATH, 5n, () => {});
    const length = frame.length - FRAME_HEADER_LENGTH;
    const result = this.qp.post(slot, length, handle, 0x48, 0xb1b);
    this.qp.flush();
    return result;
  }

  /** The posted packets, without the IPoIB header. */
  get packets(): Uint8Array[] {
    return this.verbs.posts.flat().map(({ message }) => message.slice(4));
  }
}

Deno.test("a UD queue pair has a send queue for all requests of the port, with two elements each", () => {
  using rig = new Rig();
  const field = (at: number) => rig.created.getUint32(at, true);
  assertEquals(field(IbvQpInitAttr.MaxSendWr), SEND_REQUESTS);
  assertEquals(field(IbvQpInitAttr.MaxSendSge), 2);
  assertEquals(rig.entries, [SEND_REQUESTS + 1, RECEIVES + 1]);
});

Deno.test("a queue pair is active while it has packets to post or requests that have not completed", () => {
  using rig = new Rig();
  const { qp, qps } = rig;
  const active = () => qps.active.count;
  assertEquals([active(), qp.idle], [0, true]);
  assertEquals(rig.post(frameOf(large())), PostResult.Sent);
  assertEquals([active(), qp.idle, qp.busy], [1, false, false]);
  rig.completeSends();
  qp.collect();
  assertEquals([active(), qp.idle], [1, true]);
  qps.active.remove(qp);
  qp.receive();
  assertEquals([active(), qp.idle], [1, true]);
});

Deno.test("a queue pair is active when a connection has packets to post, fails or is destroyed", () => {
  using rig = new Rig();
  const { qp, qps } = rig;
  const becomesActive = (what: () => void) => {
    qps.active.remove(qp);
    what();
    return qps.active.count === 1;
  };
  const connection = qp.connections.create(0);
  connection.connect({
    ...{ path: PATH, pathMtu: 2048, destQpn: 9, sendPsn: 1, receivePsn: 2 },
    ...{ ackTimeout: 14, retryCount: 0, rnrRetryCount: 0 },
  } as RcConnection);
  const post = () => connection.post(rig.memory.reserve(), 100);
  assert(becomesActive(() => assertEquals(post(), PostResult.Sent)));
  qp.flush();
  assertEquals(qp.idle, false);
  assert(becomesActive(() => connection.fail()));
  assertEquals([qp.busy, qp.idle], [true, false]);
  qp.reportFailures();
  assert(becomesActive(() => connection.close()));
  // Its receive buffers are to be closed.
  assertEquals([qp.busy, qp.idle], [true, false]);
  qp.repost();
  assertEquals([qp.busy, qp.outstanding], [false, 0]);
});

Deno.test("an event of sends is requested once until it has arrived", () => {
  using rig = new Rig();
  const { qp, qps } = rig;
  const [sends, receives] = [...qps.byCq.keys()];
  assertEquals([qp.armSends(), qp.armSends()], [true, false]);
  assertEquals([qp.onCompletion(receives!), qp.armSends()], [true, false]);
  assertEquals([qp.onCompletion(sends!), qp.armSends()], [false, true]);
});

Deno.test("a turn of receiving arms the completion queue only when it is empty, also after polls without packets", () => {
  using rig = new Rig(256);
  const short = new Array<number>(64).fill(TOO_SHORT);
  rig.receive(...short, 100);
  assertEquals(rig.poll(), [1]);
  assertEquals([rig.waitedAtArm, rig.qp.more], [[0], false]);
});

Deno.test("messages without a packet use up the budget of a turn, and the next turn continues", () => {
  using rig = new Rig(256);
  const short = new Array<number>(128).fill(TOO_SHORT);
  rig.receive(...short, 100, 100);
  assertEquals(rig.poll(), []);
  const { qp, qps } = rig;
  assertEquals([rig.waitedAtArm, qp.more, qp.busy], [[], true, true]);
  assertEquals(qps.active.count, 1);
  assertEquals(rig.poll(), [2]);
  assertEquals([rig.waitedAtArm, qp.more], [[0], false]);
});

Deno.test("a closed queue pair is not active", () => {
  const rig = new Rig();
  const frame = frameOf(large());
  rig.post(frame);
  const { qps, qp } = rig;
  rig[Symbol.dispose]();
  qp.receive();
  assertEquals([qps.active.count, qps.all.size, qps.byCq.size], [0, 0, 0]);
});

Deno.test("a closed queue pair submits the prepared writes of its packets before it unmaps their memory", () => {
  const rig = new Rig();
  const calls: string[] = [];
  rig.reactor.submit = () => void calls.push("submit");
  const functions = libc() as unknown as Record<string, () => number>;
  const { munmap } = functions;
  functions.munmap = (...args) => {
    calls.push("munmap");
    return munmap!(...args);
  };
  try {
    rig.qp.close();
  } finally {
    functions.munmap = munmap!;
  }
  assertEquals([...new Set(calls)], ["submit", "munmap"]);
  rig[Symbol.dispose]();
});

Deno.test("a large send is posted as segments that fit the MTU, and observed as they are sent", () => {
  using rig = new Rig();
  const packets: Seen[] = [];
  rig.observers.add((packet) => packets.push(seen(packet)));
  const fields = large({ size: 1992 });
  assertEquals(rig.post(frameOf(fields)), PostResult.Sent);
  checkSegments(fields, rig.packets);
  assertEquals(packets.map(({ payload }) => payload), rig.packets);
  for (const each of packets) {
    assertEquals([each.status, each.encap], [PostResult.Sent, ENCAP]);
    assertEquals([each.dlid, each.destQpn, each.vnet], [9, 0x48, undefined]);
    const bytes = 8 + 12 + 8 + 4 + each.payload.length + 4;
    assertEquals(each.words, (bytes + each.pad) / 4);
  }
});

Deno.test("a large send whose segments are longer than the MTU is refused, and observed as it is", () => {
  using rig = new Rig();
  const packets: Seen[] = [];
  rig.observers.add((packet) => packets.push(seen(packet)));
  assertEquals(rig.post(frameOf(large({ size: 1993 }))), PostResult.TooLong);
  assertEquals(rig.counted.get("xmit_too_long"), 1);
  assertEquals(rig.verbs.posts, []);
  assertEquals(packets.map(({ payload }) => payload.length), [2552]);
});

Deno.test("an invalid large send is refused, and its slot freed", () => {
  using rig = new Rig();
  const frame = frameOf(large());
  frame[6] = 1;
  assertEquals(rig.post(frame), PostResult.Malformed);
  assertEquals(rig.counted.get("xmit_malformed"), 1);
  assertEquals(rig.verbs.posts, []);
});

Deno.test("a partial checksum is completed", () => {
  using rig = new Rig();
  const packets: Seen[] = [];
  rig.observers.add((packet) => packets.push(seen(packet)));
  const frame = frameOf(large({ payload: new Uint8Array(500).fill(7) }));
  frame[1] = 0;
  assertEquals(rig.post(frame), PostResult.Sent);
  const [packet] = rig.packets;
  assert(packet);
  assertEquals(parsed(packet).payload.length, 500);
  assertEquals(packets.map(({ payload }) => payload), [packet]);
  assertEquals(packets[0]!.vnet, [0, 0, ...frame.subarray(2, 6)]);
});
