/**
 * A host whose HCA and device do nothing, to measure the engine's own cost of a packet: posted packets return to the
 * free slots, received packets are always the same ones, and written frames are only counted.
 */

import { FakeUdQp } from "../../../src/hca/fake_ud_qp.ts";
import { PostResult } from "../../../src/hca/post_result.ts";
import { type RxBatch, RxFlag } from "../../../src/hca/rx_batch.ts";
import { FakeNetdev } from "../../../src/netdev/fake.ts";
import { FrameBatch } from "../../../src/system/frames.ts";
import { encapWord, EtherType } from "../../../src/wire/encap.ts";
import {
  ETHERNET_HEADER_LENGTH,
  FRAME_HEADER_LENGTH,
} from "../../../src/wire/ethernet.ts";
import { gidFrom } from "../../../src/wire/gid.ts";
import { IpAddress } from "../../../src/wire/ip_address.ts";
import { NEXT_HOP_UNICAST } from "../../../src/wire/kernel_next_hop.ts";
import { PathRecord } from "../../../src/wire/sa/path_record.ts";
import { type Host, ipv4Frame, Rig } from "../../../tests/ipoib/rig.ts";
import { hex, viewOf } from "../../../tests/wire/support.ts";

const PREFIX = 0xfe80n << 48n;
/** Packets that one poll of the queue pair returns. */
const POLLED = 8;
const MAX_GROUPS = 1100;
const QUEUE_PAIR = { pkeyIndex: 0, recvQueueSize: 256, sendQueueSize: 256 };

export type Family = "IPv4" | "IPv6";

/** A netdev that counts written frames. */
class LeanNetdev extends FakeNetdev {
  override write(_address: bigint, length: number): void {
    this.onWritten(1, length, 1);
  }
}

/** A queue pair that frees posted slots, and returns the packets of `rounds` polls. */
class LeanQp extends FakeUdQp {
  rounds = 0;
  readonly #port: Host["port"];
  readonly #packet: DataView;

  constructor(port: Host["port"], qpn: number, packet: Uint8Array) {
    super(port, port.qps, qpn, QUEUE_PAIR);
    this.#port = port;
    this.#packet = viewOf(packet);
  }

  override post(slot: number): PostResult {
    this.#port.send.unref(slot);
    return PostResult.Sent;
  }

  override poll(batch: RxBatch): number {
    batch.count = this.rounds-- > 0 ? POLLED : 0;
    return batch.count;
  }

  override release(batch: RxBatch): void {
    batch.count = 0;
  }

  override createBatch(): RxBatch {
    const batch = super.createBatch();
    for (let i = 0; i < POLLED; i++) {
      batch.view[i] = this.#packet;
      batch.payload[i] = FRAME_HEADER_LENGTH;
      batch.length[i] = this.#packet.byteLength - FRAME_HEADER_LENGTH;
      batch.encap[i] = encapWord(EtherType.Ipv4);
      batch.flags[i] = RxFlag.ChecksumOk;
    }
    return batch;
  }
}

/** A frame that is sent to changing destinations. */
interface Template {
  readonly frame: Uint8Array;
  /** Offset of the low 32 bits of the destination. */
  readonly low: number;
}

const UDP6 = hex(
  `60000000 0008 11 40 fe80000000000000000000000000000a
   fe800000000000000000000000000000 0009 0009 0008 0000`,
);

/** Returns a frame with the first 96 bits of the destination, and with the next hop in the header if `unicast`. */
function template(family: Family, unicast: boolean): Template {
  const packet = family === "IPv4"
    ? ipv4Frame("10.255.0.1", "10.0.0.0")
    : new Uint8Array(FRAME_HEADER_LENGTH + UDP6.length);
  const view = viewOf(packet);
  const ethernet = FRAME_HEADER_LENGTH - ETHERNET_HEADER_LENGTH;
  if (family === "IPv4") {
    if (unicast) view.setUint16(ethernet, NEXT_HOP_UNICAST);
    return { frame: packet, low: FRAME_HEADER_LENGTH + 16 };
  }
  view.setUint16(FRAME_HEADER_LENGTH - 2, EtherType.Ipv6);
  packet.set(UDP6, FRAME_HEADER_LENGTH);
  if (!unicast) packet.set(hex("ff02"), FRAME_HEADER_LENGTH + 24);
  return { frame: packet, low: FRAME_HEADER_LENGTH + 36 };
}

/** Base of the low 32 bits of neighbours' and of groups' addresses. */
const NEIGHBOURS = { IPv4: 0x0a00_0001, IPv6: 0x0001_0000 } as const;
const GROUPS = { IPv4: 0xef01_0001 | 0, IPv6: 0x0002_0000 } as const;

/** A running host, and the traffic of one kind to measure. */
export class LeanHost {
  readonly #rig = new Rig();
  readonly #host: Host;
  readonly #batch = new FrameBatch(1);

  constructor() {
    const host = this.#rig.host({
      address: "10.255.0.1",
      prefixLength: 8,
      register: false,
      maxGroups: MAX_GROUPS,
      makeNetdev: (options) => new LeanNetdev(options),
    });
    this.#host = host;
    const packet = ipv4Frame("10.0.0.1", "10.255.0.1");
    host.port.createUdQp = () => new LeanQp(host.port, 0x48, packet);
    host.sa.queryPath = ({ dgid }, now, done) => {
      done({ ok: true, record: PathRecord.of({ dgid, dlid: 7 }) }, now);
      return { cancel: () => {} };
    };
    this.#rig.subnet!.register(host.port);
    this.#rig.settle();
  }

  /** Adds resolved neighbours. Returns the function that sends packets to them in a random order. */
  neighbours(family: Family, count: number, active = count): Sender {
    const { neighbours } = this.#host.link;
    const base = NEIGHBOURS[family];
    for (let i = 0; i < count; i++) {
      const address = family === "IPv4"
        ? IpAddress.ipv4(base + i)
        : new IpAddress(0xfe80_0000 | 0, 0, 0, base + i);
      const gid = gidFrom(PREFIX, BigInt(i + 1));
      neighbours.onKernelRequest(address, false);
      neighbours.learn(address, { flags: 0, qpn: i, gid }, "reply");
    }
    return this.#sender(template(family, true), base, active);
  }

  /** Joins groups as send-only member. Returns the function that sends packets to them in a random order. */
  groups(family: Family, count: number, active = count): Sender {
    const pattern = template(family, false);
    const sender = this.#sender(pattern, GROUPS[family], count);
    for (let i = 0; i < 4; i++) {
      sender(count);
      this.#rig.settle();
    }
    return this.#sender(pattern, GROUPS[family], active);
  }

  /** Receives IPv4 packets, in batches of POLLED. */
  receive(packets: number): void {
    const qp = [...this.#host.port.qps.values()][0] as LeanQp;
    qp.rounds = Math.ceil(packets / POLLED);
    qp.onReceive();
  }

  /** Number of packets that were sent, and the number of those that were dropped. */
  get counts(): { sent: number; received: number; dropped: number } {
    const { totals } = this.#host.link.statistics;
    return {
      sent: totals.get("tx_packets"),
      received: totals.get("rx_packets"),
      dropped: totals.get("tx_dropped") + totals.get("rx_dropped"),
    };
  }

  #sender({ frame, low }: Template, base: number, count: number): Sender {
    const { send } = this.#host.port;
    const { netdev } = this.#host;
    const batch = this.#batch;
    const { view, bytes, stride, layout } = send;
    const order = shuffled(count);
    let next = 0;
    return (packets) => {
      for (let i = 0; i < packets; i++) {
        const slot = send.reserve();
        const at = slot * stride + layout.vnet;
        bytes.set(frame, at);
        view.setInt32(at + low, base + order[next]!);
        next = next + 1 === count ? 0 : next + 1;
        batch.count = 0;
        batch.add(slot, frame.length);
        netdev.onFrames(batch);
      }
    };
  }
}

/** Sends this number of packets. */
export type Sender = (packets: number) => void;

/** Returns the numbers below `count` in an order that depends on `count` only. */
export function shuffled(count: number): Int32Array {
  const order = Int32Array.from({ length: count }, (_, i) => i);
  let state = 1;
  for (let i = count - 1; i > 0; i--) {
    state = Math.imul(state, 0x9e3779b1) + 0x7f4a7c15 | 0;
    const j = (state >>> 1) % (i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
