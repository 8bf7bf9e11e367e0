/** Coalescing in the receive path of an interface. */

import { assertEquals } from "@std/assert";
import { Errno } from "../../../src/base/errno.ts";
import { RxFlag } from "../../../src/hca/rx_batch.ts";
import { FRAME_HEADER_LENGTH } from "../../../src/wire/ethernet.ts";
import { EtherType } from "../../../src/wire/encap.ts";
import { viewOf } from "../../wire/support.ts";
import { type Host, packetOf, Rig } from "../rig.ts";
import { segmentsOf } from "./segmentation.ts";
import { Packets, plain } from "./steps.ts";

const SIZES = [1400, 1400, 1400, 9];
const PACKETS = SIZES.map((size) => 20 + 32 + size);

/** Two hosts, whose HCAs leave the frame headers to the receiver as verbs does. */
function pair(headersMissing = true): { rig: Rig; hosts: [Host, Host] } {
  const rig = new Rig();
  const hosts = rig.pair({ headersMissing });
  rig.advance(2000);
  // The first packet resolves the address.
  transmit(hosts, [plain(0, 0)]);
  hosts[0].received();
  return { rig, hosts };
}

/** Sends the packets of steps from the second host to the first, which receives them in one poll. */
function transmit(
  [a, b]: readonly [Host, Host],
  steps = SIZES.map((size) => plain(0, size)),
): Uint8Array[] {
  const qp = a.port.qps.get(a.link.qpn)!;
  const { onReceive } = qp;
  if (steps.length > 1) qp.onReceive = () => {};
  const packets = new Packets();
  const sent = steps.map((step) => packets.next(step).packet);
  for (const packet of sent) {
    const frame = new Uint8Array(FRAME_HEADER_LENGTH + packet.length);
    viewOf(frame).setUint16(FRAME_HEADER_LENGTH - 2, EtherType.Ipv4);
    frame.set(packet, FRAME_HEADER_LENGTH);
    b.send(frame);
  }
  qp.onReceive = onReceive;
  onReceive();
  return sent;
}

Deno.test("packets of a poll reach the kernel as one frame, and are counted as packets", () => {
  const { rig, hosts } = pair();
  const [a] = hosts;
  const before = a.totals;
  const sent = transmit(hosts);
  const [frame, more] = a.netdev.takeWritten();
  assertEquals(more, undefined);
  assertEquals(segmentsOf(frame!), sent);
  assertEquals([...frame!.subarray(12, 26)], [
    ...[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0],
  ]);
  const grown = (name: string) => a.totals[name]! - before[name]!;
  assertEquals(grown("rx_packets"), SIZES.length);
  assertEquals(grown("rx_bytes"), PACKETS.reduce((sum, each) => sum + each));
  assertEquals(grown("rx_coalesced"), SIZES.length - 1);
  rig.check();
});

Deno.test("a refused frame counts as a drop of each of its packets", () => {
  const { rig, hosts } = pair();
  const [a] = hosts;
  a.netdev.writeError = Errno.EINVAL;
  const before = a.totals;
  transmit(hosts);
  assertEquals(a.drops, { rx_device_refused: SIZES.length });
  assertEquals(a.totals.rx_packets, before.rx_packets);
  a.netdev.writeError = 0;
  rig.check();
});

Deno.test("packets are not coalesced if that is off, on the embedded HCA, and on connections", () => {
  const off = pair();
  off.hosts[0].link.features.change({ "rx-gro": false });
  const soft = pair(false);
  const connected = pair();
  const qp = connected.hosts[0].port.qps.get(connected.hosts[0].link.qpn)!;
  const { poll } = qp;
  qp.poll = (batch) => {
    const count = poll.call(qp, batch);
    for (let i = 0; i < count; i++) batch.flags[i] = RxFlag.Connected;
    return count;
  };
  for (const { rig, hosts } of [off, soft, connected]) {
    const sent = transmit(hosts);
    assertEquals(hosts[0].netdev.takeWritten().map(packetOf), sent);
    rig.check();
  }
});

Deno.test("a message of a connection does not overtake the coalesced datagrams before it", () => {
  const { rig, hosts } = pair();
  const [a] = hosts;
  const qp = a.port.qps.get(a.link.qpn)!;
  const { poll } = qp;
  qp.poll = (batch) => {
    const count = poll.call(qp, batch);
    if (count > 1) batch.flags[2] = RxFlag.Connected;
    return count;
  };
  const sent = transmit(hosts);
  const frames = a.netdev.takeWritten();
  assertEquals(frames.length, 3);
  assertEquals(frames.flatMap(segmentsOf), sent);
  rig.check();
});

Deno.test("UDP packets are coalesced if that is on", () => {
  const { rig, hosts } = pair();
  const [a] = hosts;
  const steps = [100, 100, 50].map((size) => plain(4, size));
  transmit(hosts, steps);
  assertEquals(a.received().length, 3);
  a.link.features.change({ "rx-udp-gro-forwarding": true });
  const sent = transmit(hosts, steps);
  const [frame, more] = a.netdev.takeWritten();
  assertEquals(more, undefined);
  assertEquals(segmentsOf(frame!), sent);
  rig.check();
});
