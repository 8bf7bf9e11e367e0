import { assertEquals, assertThrows } from "@std/assert";
import { addressOf } from "../../../ffi/libc.ts";
import {
  Ibv,
  IbvAhAttr,
  IbvQp,
  IbvQpAttr,
  IbvQpInitAttr,
  IbvSge,
} from "../../../ffi/verbs_layout.ts";
import { Errno } from "../../../src/base/errno.ts";
import { IpoibError } from "../../../src/base/errors.ts";
import { FakeFabric } from "../../../src/hca/fake.ts";
import { PostResult } from "../../../src/hca/post_result.ts";
import type { RcConnection } from "../../../src/hca/rc_qp.ts";
import { ConnectedPacketPublisher } from "../../../src/hca/verbs/connected_packet_publisher.ts";
import { VerbsCounters } from "../../../src/hca/verbs/counters.ts";
import { DeviceRcPair } from "../../../src/hca/verbs/device_rc_pair.ts";
import type { VerbsDevice } from "../../../src/hca/verbs/device.ts";
import { VerbsRcQp } from "../../../src/hca/verbs/rc_qp.ts";
import { RcTable } from "../../../src/hca/verbs/rc_table.ts";
import { SendCompletions } from "../../../src/hca/verbs/send_completions.ts";
import {
  SEND_SLOTS,
  VerbsSendMemory,
} from "../../../src/hca/verbs/send_memory.ts";
import { SendQueue } from "../../../src/hca/verbs/send_queue.ts";
import { PacketObservers } from "../../../src/hca/packet_observers.ts";
import { FRAME_HEADER_LENGTH } from "../../../src/wire/ethernet.ts";
import {
  checkSegments,
  frameOf,
  large,
  parsed,
} from "../../wire/large_send_packet.ts";
import { FakeCompletions, FakeVerbs } from "./fake_verbs.ts";
import { freeSlots } from "./free_slots.ts";

const QPN = 0x99;
const UD_QPN = 0x77;
/** Maximum number of requests that have not completed. */
const REQUESTS = 8;
const { attributes } = new FakeFabric().addPort({ lid: 0x40 });
const TO: RcConnection = {
  path: { dlid: 9, sl: 3, staticRate: 2 },
  ...{ pathMtu: 2048, destQpn: 0x48, sendPsn: 0x111111, receivePsn: 0x222222 },
  ...{ ackTimeout: 14, retryCount: 3, rnrRetryCount: 6 },
} as RcConnection;

/** A queue pair on a fake device, with its table. */
class Rig implements Disposable {
  readonly verbs = new FakeVerbs();
  readonly cq = new FakeCompletions();
  readonly counted = new VerbsCounters();
  readonly memory = new VerbsSendMemory(this.verbs.library, 0n, true);
  readonly completions = new SendCompletions(this.cq);
  readonly table = new RcTable(() => this.work++);
  readonly observers = new PacketObservers();
  /** The `struct ibv_qp_init_attr`, and the mask and the `struct ibv_qp_attr` of each modification. */
  created = new DataView(new ArrayBuffer(0));
  readonly modified: [mask: number, attributes: DataView][] = [];
  /** Result of modifications. */
  result = 0;
  readonly ended: string[] = [];
  /** Number of times that packets began to wait, and that the table had work. */
  waits = 0;
  work = 0;
  readonly qp: VerbsRcQp;

  constructor() {
    const object = new Uint8Array(IbvQp.QpNum + 4);
    new DataView(object.buffer).setUint32(IbvQp.QpNum, QPN, true);
    const library = {
      ibv_create_qp: (_pd: bigint, init: Uint8Array) => {
        this.created = new DataView(init.slice().buffer);
        return addressOf(object);
      },
      ibv_modify_qp: (_qp: bigint, bytes: Uint8Array, mask: number) => {
        this.modified.push([mask, new DataView(bytes.slice().buffer)]);
        return this.result;
      },
      ibv_destroy_qp: () => this.ended.push("destroy"),
    } as unknown as VerbsDevice["library"];
    const pair = new DeviceRcPair({ library }, {
      ...{ pd: 1n, sendCq: 2n, recvCq: 3n, srq: 4n, pkeyIndex: 5, port: 1 },
      ...{ sendRequests: REQUESTS, recvRequests: 0 },
    });
    const { verbs, completions, memory, counted } = this;
    const sends = new SendQueue(
      ...[verbs, 0n, completions, memory] as const,
      ...[memory.connectedRequests, REQUESTS, counted] as const,
    );
    const port = { attributes, send: memory, counted };
    const publisher = new ConnectedPacketPublisher(this.observers, port, {
      qpn: UD_QPN,
    });
    this.qp = new VerbsRcQp({
      ...{ port, pkeyIndex: 0, pair, sends, buffers: undefined, publisher },
      ...{ table: this.table, completions },
      closed: () => this.ended.push("closed"),
      waiting: () => this.waits++,
    });
    this.table.add(this.qp);
  }

  post(): number {
    const slot = this.memory.reserve(true);
    assertEquals(this.qp.post(slot, 60_000), PostResult.Sent);
    return slot;
  }

  /** Completes the posted request number `i`, and so all before it. */
  complete(i: number): void {
    this.cq.waiting.push({ id: this.verbs.posts.flat()[i]!.id });
    this.completions.poll();
  }

  /** Returns the slots of the posted requests. */
  postedSlots(): number[] {
    const { vnetAddress, layout } = this.memory;
    const offset = BigInt(layout.encap - layout.vnet);
    return this.verbs.posts.flat().map(({ element }) =>
      vnetAddress.indexOf(
        element.getBigUint64(IbvSge.Address, true) - offset,
      )
    );
  }

  [Symbol.dispose](): void {
    this.qp.destroy();
    assertEquals(freeSlots(this.memory), SEND_SLOTS);
    this.memory.close();
  }
}

Deno.test("an RC queue pair is created with the shared queues, in the state INIT and without remote access", () => {
  using rig = new Rig();
  const init = rig.created;
  const handle = (at: number) => init.getBigUint64(at, true);
  assertEquals(
    [IbvQpInitAttr.SendCq, IbvQpInitAttr.RecvCq, IbvQpInitAttr.Srq].map(handle),
    [2n, 3n, 4n],
  );
  assertEquals(init.getUint32(IbvQpInitAttr.QpType, true), Ibv.QPT_RC);
  assertEquals(init.getUint32(IbvQpInitAttr.MaxRecvWr, true), 0);
  const [[mask, attr]] = rig.modified as [[number, DataView]];
  assertEquals(mask, 0x39);
  assertEquals(attr.getUint32(IbvQpAttr.State, true), Ibv.QPS_INIT);
  assertEquals(attr.getUint16(IbvQpAttr.PkeyIndex, true), 5);
  assertEquals(attr.getUint32(IbvQpAttr.AccessFlags, true), 0);
});

Deno.test("connect() sets the attributes that RTR and RTS require", () => {
  using rig = new Rig();
  rig.qp.connect(TO);
  const [, [rtrMask, rtr], [rtsMask, rts]] = rig.modified as [
    unknown,
    [number, DataView],
    [number, DataView],
  ];
  // IBV_QP_STATE, AV, PATH_MTU, RQ_PSN, MIN_RNR_TIMER, MAX_DEST_RD_ATOMIC, DEST_QPN.
  assertEquals(rtrMask, 0x129181);
  assertEquals(rtr.getUint32(IbvQpAttr.State, true), Ibv.QPS_RTR);
  assertEquals(rtr.getUint32(IbvQpAttr.PathMtu, true), 4);
  assertEquals(rtr.getUint32(IbvQpAttr.DestQpn, true), 0x48);
  assertEquals(rtr.getUint32(IbvQpAttr.RqPsn, true), 0x222222);
  assertEquals(rtr.getUint16(IbvQpAttr.Path + IbvAhAttr.Dlid, true), 9);
  assertEquals(rtr.getUint8(IbvQpAttr.Path + IbvAhAttr.Sl), 3);
  assertEquals(rtr.getUint8(IbvQpAttr.Path + IbvAhAttr.Port), 1);
  // IBV_QP_STATE, TIMEOUT, RETRY_CNT, RNR_RETRY, MAX_QP_RD_ATOMIC, SQ_PSN.
  assertEquals(rtsMask, 0x12e01);
  assertEquals(rts.getUint32(IbvQpAttr.State, true), Ibv.QPS_RTS);
  assertEquals(rts.getUint32(IbvQpAttr.SqPsn, true), 0x111111);
  assertEquals(
    [IbvQpAttr.Timeout, IbvQpAttr.RetryCount, IbvQpAttr.RnrRetry]
      .map((at) => rts.getUint8(at)),
    [14, 3, 6],
  );
});

Deno.test("connect() throws E_QP_STATE with the errno of the device", () => {
  using rig = new Rig();
  rig.result = Errno.EINVAL;
  const { code, errno } = assertThrows(() => rig.qp.connect(TO), IpoibError);
  assertEquals([code, errno], ["E_QP_STATE", Errno.EINVAL]);
});

for (
  const [failure, statuses] of [
    ["retry_exceeded", [12, 5]],
    ["rnr_retry_exceeded", [13, 5]],
    ["remote_error", [9]],
    ["remote_error", [10]],
    ["remote_error", [11]],
    ["remote_error", [16]],
    ["local_error", [4, 5]],
    ["local_error", [5, 12]],
  ] as const
) {
  Deno.test(`completions with status ${statuses} fail a connection with ${failure}, once and from the loop`, () => {
    using rig = new Rig();
    const { qp, table, memory } = rig;
    const failures: string[] = [];
    qp.onFailure = (each) => failures.push(each);
    qp.connect(TO);
    const slots = [rig.post(), rig.post(), rig.post()];
    table.flush();
    statuses.forEach((status, i) =>
      rig.cq.waiting.push({ id: slots[i]!, status })
    );
    rig.completions.poll();
    assertEquals(failures, []);
    assertEquals(table.failed, true);
    assertEquals(qp.post(memory.reserve(), 10), PostResult.NotReady);
    table.reportFailures();
    assertEquals(failures, [failure]);
    const [, last] = rig.modified.at(-1)!;
    assertEquals(last.getUint32(IbvQpAttr.State, true), Ibv.QPS_ERR);
    qp.fail();
    assertEquals(table.failed, false);
    qp.close();
    qp.close();
    assertEquals(rig.ended, ["closed"]);
  });
}

Deno.test("close() frees the chained slots, ignores a failure that is not reported yet, and drops messages", () => {
  using rig = new Rig();
  const { qp, table } = rig;
  qp.onFailure = () => {
    throw new Error("reported");
  };
  qp.connect(TO);
  rig.post();
  assertEquals(table.received(QPN), qp);
  assertEquals([qp.received, table.received(0x98)], [1, undefined]);
  table.receiveFailed(QPN);
  assertEquals(table.failed, true);
  qp.close();
  assertEquals(freeSlots(rig.memory), SEND_SLOTS);
  table.reportFailures();
  table.flush();
  assertEquals(rig.verbs.posts, []);
  assertEquals(table.received(QPN), undefined);
  assertEquals(qp.post(rig.memory.reserve(), 10), PostResult.NotReady);
});

Deno.test("packets beyond the send queue wait, and are posted in order when requests have completed", () => {
  using rig = new Rig();
  const { qp, memory, table } = rig;
  qp.connect(TO);
  const slots = Array.from({ length: REQUESTS + 3 }, () => rig.post());
  table.flush();
  assertEquals(rig.verbs.posts.map(({ length }) => length), [REQUESTS]);
  assertEquals([memory.waiting, memory.ready], [1, false]);
  assertEquals(memory.reserve(), -1, "the device is not read");
  assertEquals([rig.waits, rig.work, table.unposted], [1, 1, true]);
  rig.complete(1);
  table.flush();
  assertEquals(rig.verbs.posts.map(({ length }) => length), [REQUESTS, 2]);
  assertEquals(memory.waiting, 1);
  rig.complete(REQUESTS - 1);
  rig.complete(REQUESTS);
  table.flush();
  assertEquals([memory.waiting, memory.ready], [0, true]);
  assertEquals(table.unposted, false);
  slots.push(rig.post());
  table.flush();
  assertEquals(rig.postedSlots(), slots);
  assertEquals(rig.counted.get("xmit_no_credit"), 0);
  rig.complete(slots.length - 1);
  assertEquals(freeSlots(memory), SEND_SLOTS);
});

for (const end of ["close", "fail", "destroy"] as const) {
  Deno.test(`${end}() drops and counts the packets that wait, and the device is read again`, () => {
    using rig = new Rig();
    const { qp, memory, table } = rig;
    qp.connect(TO);
    for (let i = 0; i < REQUESTS + 3; i++) rig.post();
    table.flush();
    assertEquals(memory.waiting, 1);
    qp[end]();
    table.reportFailures();
    assertEquals([memory.waiting, memory.ready], [0, true]);
    assertEquals(rig.counted.get("xmit_not_ready"), 3);
    const posted = end === "destroy" ? 0 : REQUESTS;
    assertEquals(freeSlots(memory), SEND_SLOTS - posted);
    table.flush();
    assertEquals(rig.verbs.posts.length, 1);
  });
}

Deno.test("a queue pair that was never connected needs no event of the device to be destroyed", () => {
  using rig = new Rig();
  rig.qp.close();
  assertEquals(rig.qp.idle, true);
  assertEquals(rig.modified.length, 1);
});

Deno.test("an observer receives the messages that a connected queue pair posts", () => {
  using rig = new Rig();
  const { qp, memory } = rig;
  const packets: unknown[] = [];
  rig.observers.add((
    { direction, status, qpn, headers, lrh, bth, deth, length },
  ) =>
    packets.push({
      ...{ direction, status, qpn, deth, length },
      words: headers.getUint16(lrh + 4),
      slid: headers.getUint16(lrh + 6),
      opcode: headers.getUint8(bth),
      pkey: headers.getUint16(bth + 2),
      destQpn: headers.getUint32(bth + 4),
    })
  );
  qp.post(memory.reserve(), 100);
  assertEquals(packets, []);
  qp.connect(TO);
  rig.post();
  qp.post(memory.reserve(), 100);
  qp.post(memory.reserve(), 65_521);
  const long = {
    ...{ direction: "sent", status: PostResult.Sent, qpn: QPN, deth: -1 },
    ...{ length: 60_000, words: 0, slid: 0x40, opcode: 4 },
    ...{ pkey: attributes.pkeys[0], destQpn: 0x48 },
  };
  assertEquals(packets, [
    long,
    { ...long, length: 100, words: (8 + 12 + 104 + 4) / 4 },
    { ...long, length: 65_521, status: PostResult.TooLong },
  ]);
  qp.close();
  qp.post(memory.reserve(), 100);
  assertEquals(packets.length, 3);
});

Deno.test("a large send and a partial checksum from the time before connected mode are sent as messages", () => {
  using rig = new Rig();
  const { qp, memory, table } = rig;
  const observed: number[] = [];
  rig.observers.add(({ length }) => observed.push(length));
  qp.connect(TO);
  const fields = large();
  const place = (frame: Uint8Array) => {
    const slot = memory.reserve();
    memory.bytes.set(frame, slot * memory.stride + memory.layout.vnet);
    return slot;
  };
  const frame = frameOf(fields);
  const length = frame.length - FRAME_HEADER_LENGTH;
  assertEquals(qp.post(place(frame), length), PostResult.Sent);
  frame[1] = 0;
  assertEquals(qp.post(place(frame), length), PostResult.Sent);
  frame[1] = 0x85;
  assertEquals(qp.post(place(frame), length), PostResult.Malformed);
  assertEquals(rig.counted.get("xmit_malformed"), 1);
  table.flush();
  const packets = rig.verbs.posts.flat().map(({ message }) => message.slice(4));
  checkSegments(fields, packets.slice(0, 3));
  assertEquals(parsed(packets[3]!).payload, fields.payload);
  assertEquals(observed, [1052, 1052, 552, length, length]);
});
