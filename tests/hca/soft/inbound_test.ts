/** The checks of the receiving HCA for single packets, over real shared memory. */

import { PendingList } from "../../../src/base/pending_list.ts";
import { assertEquals } from "@std/assert";
import { SoftAddressHandle } from "../../../src/hca/soft/address_handle.ts";
import {
  copySourceGid,
  createSoftBatch,
  releaseBatch,
} from "../../../src/hca/soft/completion_queue.ts";
import { Inbound } from "../../../src/hca/soft/inbound.ts";
import { PortCounters } from "../../../src/hca/soft/port_counters.ts";
import {
  BTH,
  DETH,
  ENCAP,
  GRH,
  LRH,
  PAYLOAD,
  STRIDE,
  VNET,
} from "../../../src/hca/soft/slot_layout.ts";
import { SlotPool } from "../../../src/hca/soft/slot_pool.ts";
import { ReceiveQueue } from "../../../src/hca/soft/receive_queue.ts";
import { RxFlag } from "../../../src/hca/rx_batch.ts";
import { gidFrom } from "../../../src/wire/gid.ts";
import { MAX_IP_PACKET } from "../../../src/wire/ipv4.ts";
import { GsoType, VnetFlag } from "../../../src/wire/vnet.ts";
import { broadcastMgid, ipv4Mgid } from "../../../src/wire/mgid.ts";
import { Pair } from "./parts.ts";

const LID = 5;
const PEER = 9;
const QPN = 0x48;
const QKEY = 0x0b1b;
const MLID = 0xc001;
const MGID = broadcastMgid(0xffff);
const PEER_GUID = "0x8002c90300000009";
const SGID = gidFrom(0xfe80000000000000n, BigInt(PEER_GUID));

/** A receiving port's checks and a sender's slots. */
class Bench implements Disposable {
  readonly pool = new SlotPool(4, 0, new PendingList());
  readonly pair = new Pair(this.pool, PEER_GUID);
  readonly counted = new PortCounters();
  readonly inbound: Inbound;
  readonly qp: ReceiveQueue;
  readonly attributes = {
    state: "active",
    lid: LID,
    activeMtu: 2048,
    pkeys: [0xffff],
  };

  constructor(pkeys: number[] = [0xffff], recvQueueSize = 4) {
    const { attributes } = this;
    attributes.pkeys = pkeys;
    this.inbound = new Inbound({ attributes, counted: this.counted });
    const make = (qpn: number) =>
      new ReceiveQueue({ attributes }, qpn, {
        pkeyIndex: 0,
        recvQueueSize,
      });
    this.qp = make(QPN);
    this.qp.qkey = QKEY;
    this.inbound.add(this.qp);
    this.make = make;
    this.pair.in.lid = PEER;
    this.pair.in.pkey = 0xffff;
  }
  readonly make: (qpn: number) => ReceiveQueue;

  /** Delivers a valid packet after `spoil` has modified it; returns the counters that changed. */
  deliver(
    spoil: (view: DataView, base: number) => void = () => {},
    length = 100,
    multicast = false,
  ): Record<string, number> {
    const before = this.counted.snapshot();
    const slot = this.pool.reserve();
    const base = slot * STRIDE;
    const { view, words } = this.pool;
    this.pool.bytes.fill(0, base, base + 128);
    const handle = new SoftAddressHandle(
      {
        dlid: multicast ? MLID : LID,
        sl: 3,
        staticRate: 0,
        ...(multicast
          ? {
            grh: {
              dgid: MGID,
              flowLabel: 0,
              hopLimit: 1,
              trafficClass: 0,
              sgidIndex: 0,
            },
          }
          : {}),
      },
      SGID,
    );
    handle.copyTo(words, slot);
    view.setUint16(base + LRH + 6, PEER);
    view.setUint16(base + BTH + 2, 0xffff);
    view.setUint32(base + BTH + 4, multicast ? 0xffffff : QPN);
    view.setUint32(base + DETH, QKEY);
    view.setUint32(base + DETH + 4, 0x77);
    view.setUint32(base + ENCAP, 0x08000000);
    spoil(view, base);
    this.inbound.deliver(this.pair.in, slot, length);
    if (!this.pair.in.holds(slot)) this.pool.unref(slot);
    const after = this.counted.snapshot();
    return Object.fromEntries(
      Object.entries(after).map(([name, count]) =>
        [name, count - before[name as keyof typeof before]] as const
      ).filter(([, count]) => count !== 0),
    );
  }

  [Symbol.dispose](): void {
    this.pair[Symbol.dispose]();
    this.pool.close();
  }
}

Deno.test("a valid packet reaches its queue pair", () => {
  using bench = new Bench();
  assertEquals(bench.deliver(), { rcv_packets: 1 });
  const batch = createSoftBatch(4);
  assertEquals(bench.qp.completions.poll(batch), 1);
  assertEquals(
    [batch.length[0], batch.encap[0], batch.sourceQpn[0], batch.sourceLid[0]],
    [100, 0x08000000, 0x77, PEER],
  );
  assertEquals(batch.flags[0], 0);
  assertEquals(copySourceGid(batch, 0, new Uint8Array(16)), false);
  assertEquals(bench.pair.in.holds(0), true);
  releaseBatch(batch);
  assertEquals([batch.count, bench.pair.in.holds(0)], [0, false]);
});

Deno.test("a port that is down drops packets", () => {
  using bench = new Bench();
  bench.attributes.state = "down";
  assertEquals(bench.deliver(), { rcv_not_ready: 1 });
  assertEquals(bench.pair.in.holds(0), false);
});

const violations: Record<
  string,
  [string, (view: DataView, base: number) => void, number?]
> = {
  "no bytes": ["bad_length", () => {}, 0],
  "a negative length": ["bad_length", () => {}, -5],
  "more bytes than a slot holds": ["bad_length", () => {}, MAX_IP_PACKET + 1],
  "more bytes than the MTU": ["bad_length", () => {}, 2045],
  "a raw LNH": [
    "bad_header",
    (view, base) => view.setUint8(base + LRH + 1, 0),
  ],
  "an IPv6 LNH": [
    "bad_header",
    (view, base) => view.setUint8(base + LRH + 1, 1),
  ],
  "an opcode other than UD and RC SEND Only": [
    "bad_header",
    (view, base) => view.setUint8(base + BTH, 0x24),
  ],
  "another port's source LID": [
    "bad_lid",
    (view, base) => view.setUint16(base + LRH + 6, 0x99),
  ],
  "another port's destination LID": [
    "bad_lid",
    (view, base) => view.setUint16(base + LRH + 2, 0x99),
  ],
  "an unknown queue pair": [
    "bad_qpn",
    (view, base) => view.setUint32(base + BTH + 4, 0x99),
  ],
  "another port's source GID": ["bad_gid", (view, base) => {
    view.setUint8(base + LRH + 1, 3);
    view.setUint32(base + GRH + 20, 0x99);
  }],
  "a P_Key other than the link's": [
    "rcv_constraint_errors",
    (view, base) => view.setUint16(base + BTH + 2, 0x8001),
  ],
  "P_Key 0": [
    "rcv_constraint_errors",
    (view, base) => view.setUint16(base + BTH + 2, 0x8000),
  ],
  "another Q_Key": [
    "qkey_violations",
    (view, base) => view.setUint32(base + DETH, 0x80000000 | QKEY),
  ],
};
for (const [what, [counter, spoil, length]] of Object.entries(violations)) {
  Deno.test(`a packet with ${what} is dropped and counted, and its slot returned`, () => {
    using bench = new Bench();
    assertEquals(bench.deliver(spoil, length), { [counter]: 1 });
    assertEquals(bench.qp.completions.count, 0);
    assertEquals(bench.pair.in.holds(0), false);
    assertEquals(bench.pair.in.dirty, true);
  });
}

Deno.test("packets of a peer without a LID are dropped", () => {
  using bench = new Bench();
  bench.pair.in.lid = 0;
  assertEquals(bench.deliver(), { bad_lid: 1 });
});

Deno.test("a packet to a queue pair of another partition is a P_Key violation", () => {
  using bench = new Bench([0x8001]);
  assertEquals(bench.deliver(), { pkey_violations: 1 });
});

Deno.test("P_Keys of two limited members do not match, those of a limited and a full member do", () => {
  for (
    const [own, theirs, accepted] of [
      [0x7fff, 0x7fff, false],
      [0x7fff, 0xffff, true],
      [0xffff, 0x7fff, true],
    ] as const
  ) {
    using bench = new Bench([own]);
    bench.pair.in.pkey = theirs;
    const counters = bench.deliver((view, base) =>
      view.setUint16(base + BTH + 2, theirs)
    );
    assertEquals(
      counters,
      accepted ? { rcv_packets: 1 } : { pkey_violations: 1 },
    );
  }
});

Deno.test("a large send is accepted if each of its segments fits the MTU", () => {
  const large = (type: number, size: number, words = 5, transport = 34) => {
    using bench = new Bench();
    return bench.deliver(
      (view, base) => {
        const udp = type === GsoType.UdpL4;
        view.setUint8(base + VNET, VnetFlag.NeedsChecksum);
        view.setUint8(base + VNET + 1, type);
        // hdr_len: the length of the linear part, which is longer than the headers.
        view.setUint16(base + VNET + 2, 1500, true);
        view.setUint16(base + VNET + 4, size, true);
        // csum_start, counted from the Ethernet header.
        view.setUint16(base + VNET + 6, transport, true);
        view.setUint16(base + VNET + 8, udp ? 6 : 16, true);
        view.setUint8(base + PAYLOAD, 0x45);
        view.setUint8(base + PAYLOAD + 9, udp ? 17 : 6);
        view.setUint8(base + PAYLOAD + 20 + 12, words << 4);
      },
      40_000,
    );
  };
  const [passes, fails] = [{ rcv_packets: 1 }, { bad_length: 1 }];
  assertEquals(large(GsoType.Tcpv4, 2004), passes);
  assertEquals(large(GsoType.Tcpv4, 2005), fails);
  assertEquals(large(GsoType.Tcpv4 | 0x80, 2004), passes);
  assertEquals(large(GsoType.Tcpv4, 1992, 8), passes, "TCP options count");
  assertEquals(large(GsoType.Tcpv4, 1993, 8), fails);
  assertEquals(large(GsoType.UdpL4, 2016), passes);
  assertEquals(large(GsoType.UdpL4, 2017), fails);
  assertEquals(large(GsoType.Tcpv4, 0), fails);
  assertEquals(large(GsoType.None, 1000), fails);
  assertEquals(large(GsoType.Tcpv4, 1000, 5, 40_013), fails);
  assertEquals(
    large(GsoType.Tcpv4, 1000, 5, 13),
    fails,
    "starts in the Ethernet header",
  );
});

Deno.test("a multicast packet reaches each attached queue pair once", () => {
  using bench = new Bench();
  const other = bench.make(0x49);
  other.qkey = QKEY;
  bench.inbound.add(other);
  assertEquals(bench.deliver(() => {}, 60, true), { multicast_filtered: 1 });
  bench.inbound.attach(bench.qp, MGID, MLID);
  bench.inbound.attach(bench.qp, MGID, MLID);
  bench.inbound.attach(other, MGID, MLID);
  assertEquals(
    bench.deliver(() => {}, 60, true),
    { rcv_packets: 1, multicast_rcv_packets: 1 },
  );
  const batches = [bench.qp, other].map((qp) => {
    const batch = createSoftBatch(4);
    assertEquals(qp.completions.poll(batch), 1);
    assertEquals(batch.flags[0], RxFlag.Grh | RxFlag.Multicast);
    const gid = new Uint8Array(16);
    assertEquals(copySourceGid(batch, 0, gid), true);
    assertEquals(gid, SGID);
    return batch;
  });
  releaseBatch(batches[0]!);
  assertEquals(
    bench.pair.in.holds(0),
    true,
    "the other queue pair still reads the slot",
  );
  releaseBatch(batches[1]!);
  assertEquals(bench.pair.in.holds(0), false);
});

Deno.test("a multicast packet is accepted by MLID and MGID, not by MLID alone", () => {
  using bench = new Bench();
  bench.inbound.attach(bench.qp, ipv4Mgid(0xe0000001 | 0, MGID), MLID);
  assertEquals(bench.deliver(() => {}, 60, true), { multicast_filtered: 1 });
  bench.inbound.attach(bench.qp, MGID, MLID);
  const local = (view: DataView, base: number) =>
    view.setUint8(base + LRH + 1, 2);
  assertEquals(bench.deliver(local, 60, true), { multicast_filtered: 1 });
  const stranger = (view: DataView, base: number) =>
    view.setUint8(base + GRH + 39, 1);
  assertEquals(bench.deliver(stranger, 60, true), { multicast_filtered: 1 });
  const key = (view: DataView, base: number) => view.setUint32(base + DETH, 1);
  assertEquals(bench.deliver(key, 60, true), { qkey_violations: 1 });
});

Deno.test("a detached or removed queue pair receives no packets", () => {
  using bench = new Bench();
  const { inbound, qp } = bench;
  inbound.attach(qp, MGID, MLID);
  assertEquals(inbound.hasOtherListener(qp, MLID), false);
  assertEquals(inbound.hasOtherListener(bench.make(0x50), MLID), true);
  inbound.detach(qp, MGID, MLID);
  inbound.detach(qp, MGID, MLID);
  assertEquals(inbound.hasOtherListener(bench.make(0x50), MLID), false);
  assertEquals(bench.deliver(() => {}, 60, true), { multicast_filtered: 1 });
  inbound.attach(qp, MGID, MLID);
  inbound.attach(qp, MGID, MLID + 1);
  inbound.forget(qp);
  assertEquals(bench.deliver(() => {}, 60, true), { multicast_filtered: 1 });
  assertEquals(bench.deliver(), { bad_qpn: 1 });
});

Deno.test("a packet is dropped if the completion queue is full", () => {
  using bench = new Bench([0xffff], 2);
  assertEquals(bench.deliver(), { rcv_packets: 1 });
  assertEquals(bench.deliver(), { rcv_packets: 1 });
  assertEquals(bench.deliver(), { rcv_no_buffer: 1 });
});
