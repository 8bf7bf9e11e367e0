import { assert, assertEquals } from "@std/assert";
import { FakeFabric } from "../../src/hca/fake.ts";
import {
  MAX_TOTAL_WAITING_BYTES,
  MAX_WAITING_BYTES,
  WAITING_PACKETS_WHEN_SCARCE,
} from "../../src/ipoib/constants.ts";
import type { Destination } from "../../src/ipoib/egress.ts";
import { PacketQueue } from "../../src/ipoib/packet_queue.ts";
import { Statistics } from "../../src/ipoib/statistics.ts";
import { debugOff } from "./debug_off.ts";
import { PacketSender } from "../../src/ipoib/packet_sender.ts";
import { EthernetKind, FRAME_HEADER_LENGTH } from "../../src/wire/ethernet.ts";
import { frameOf, large } from "../wire/large_send_packet.ts";

const LIMIT = 5;
const ENCAP = 0x08000000;

/** A queue of at most five packets, and a destination that records sent packets: length, first byte, IPoIB header. */
function scene() {
  const { send } = new FakeFabric().addPort();
  const statistics = new Statistics();
  const sender = new PacketSender(send, statistics, debugOff());
  const queue = new PacketQueue(sender, LIMIT, "tx_group_queue");
  const sent: [number, number, number][] = [];
  const destination: Destination = {
    kind: EthernetKind.Host,
    egress: {
      send: (slot, length) => {
        const base = slot * send.stride;
        const first = send.bytes[base + send.layout.payload]!;
        const encap = send.view.getInt32(base + send.layout.encap);
        sent.push([length, first, encap]);
        send.unreserve(slot);
      },
    },
  };
  const push = (length: number, first = 0) => {
    const slot = send.reserve();
    const base = slot * send.stride;
    send.view.setInt32(base + send.layout.encap, ENCAP);
    send.bytes[base + send.layout.payload] = first;
    queue.push(slot, length);
  };
  return { send, statistics, queue, sent, destination, push };
}

Deno.test("packets are queued in order, as copies, with their headers", () => {
  const { send, statistics, queue, sent, destination, push } = scene();
  for (const first of [7, 8, 9]) push(100 + first, first);
  assertEquals([queue.length, send.free], [3, send.slots]);
  send.bytes.fill(0xff);
  queue.sendTo(destination);
  assertEquals(sent, [[107, 7, ENCAP], [108, 8, ENCAP], [109, 9, ENCAP]]);
  assertEquals([queue.length, statistics.dropsByReason()], [0, {}]);
});

Deno.test("a large send is queued with its virtio header, and sent as it came", () => {
  const { send, statistics, queue, destination } = scene();
  const frame = frameOf(large({ payload: new Uint8Array(65_000) }));
  const length = frame.length - FRAME_HEADER_LENGTH;
  const sent: Uint8Array[] = [];
  const { egress } = destination;
  const recording: Destination = {
    ...destination,
    egress: {
      send: (slot, count) => {
        const at = slot * send.stride + send.layout.vnet;
        sent.push(send.bytes.slice(at, at + FRAME_HEADER_LENGTH + count));
        egress.send(slot, count);
      },
    },
  };
  const full = Math.floor(MAX_WAITING_BYTES / frame.length);
  for (let i = 0; i <= full; i++) {
    const slot = send.reserve();
    send.bytes.set(frame, slot * send.stride + send.layout.vnet);
    queue.push(slot, length);
  }
  assertEquals([queue.length, send.free], [full, send.slots]);
  queue.sendTo(recording);
  assertEquals(sent, Array.from({ length: full }, () => frame));
  assertEquals(statistics.dropsByReason(), { tx_group_queue: 1 });
});

Deno.test("the numbers of packets and bytes are limited", () => {
  const { statistics, queue, push } = scene();
  for (let i = 0; i < LIMIT + 2; i++) push(20);
  assertEquals(queue.length, LIMIT);
  assertEquals(statistics.dropsByReason(), { tx_group_queue: 2 });
  queue.drop("tx_group_failed");
  assertEquals(statistics.dropsByReason(), {
    tx_group_queue: 2,
    tx_group_failed: LIMIT,
  });
  const large = 65_000;
  const fit = Math.floor(MAX_WAITING_BYTES / (large + FRAME_HEADER_LENGTH));
  for (let i = 0; i < fit + 1; i++) push(large);
  assertEquals([fit, queue.length], [3, fit]);
  push(20);
  assertEquals(queue.length, fit + 1, "a small packet fits");
});

Deno.test("keepLast() drops all packets but the last one and their bytes", () => {
  const { statistics, queue, sent, destination, push } = scene();
  queue.keepLast("tx_neighbour_failed");
  for (const first of [1, 2, 3]) push(65_000, first);
  queue.keepLast("tx_neighbour_failed");
  assertEquals(statistics.dropsByReason(), { tx_neighbour_failed: 2 });
  push(65_000, 4);
  push(65_000, 5);
  queue.sendTo(destination);
  assertEquals(sent.map(([, first]) => first), [3, 4, 5]);
});

Deno.test("sendTo() drops packets without a free slot, and packets may be queued again meanwhile", () => {
  const { send, statistics, queue, destination, push } = scene();
  for (const first of [1, 2, 3]) push(20, first);
  send.withhold = "all";
  queue.sendTo(destination);
  assertEquals(statistics.dropsByReason(), { tx_no_slot: 3 });
  send.withhold = "nothing";
  for (const first of [1, 2]) push(20, first);
  const again: Destination = {
    kind: EthernetKind.Host,
    egress: { send: (slot, length) => queue.push(slot, length) },
  };
  queue.sendTo(again);
  assertEquals([queue.length, send.free], [2, send.slots]);
});

Deno.test("the queues of an interface share a limit, half of which is reserved for the first packets of each queue", () => {
  const { send } = new FakeFabric().addPort();
  const statistics = new Statistics();
  const sender = new PacketSender(send, statistics, debugOff());
  const queues: PacketQueue[] = [];
  const fillAnother = () => {
    const queue = new PacketQueue(sender, LIMIT, "tx_path_queue");
    queues.push(queue);
    for (let i = 0; i < LIMIT; i++) queue.push(send.reserve(), 2000);
    return queue.length;
  };
  const half = MAX_TOTAL_WAITING_BYTES / 2;
  while (fillAnother() === LIMIT);
  assert(Math.abs(sender.waiting.bytes - half) < 20_000);
  assertEquals(fillAnother(), WAITING_PACKETS_WHEN_SCARCE);
  while (fillAnother() === WAITING_PACKETS_WHEN_SCARCE);
  assertEquals(fillAnother(), 0);
  assert(sender.waiting.bytes <= MAX_TOTAL_WAITING_BYTES);
  assert(statistics.drops.get("tx_waiting_full") > queues.length);
  assertEquals([send.free, statistics.drops.get("tx_path_queue")], [
    send.slots,
    0,
  ]);
  for (const queue of queues) {
    queue.keepLast("tx_path_failed");
    queue.drop("tx_path_failed");
  }
  assertEquals(sender.waiting.bytes, 0);
});
