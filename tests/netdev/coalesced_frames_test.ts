/** Coalesced frames in the kernel: written by both reactors, received by its TCP, and forwarded. */

import { assertEquals, assertLess } from "@std/assert";
import { libc } from "../../ffi/libc.ts";
import type { Fd } from "../../src/system/fd.ts";
import { PollReactor } from "../../src/system/poll_reactor.ts";
import type { ReactorBase } from "../../src/system/reactor_base.ts";
import { openUringReactor } from "../../src/system/uring/uring_reactor.ts";
import { whyNoUring } from "../e2e/harness/kernel.ts";
import { flowOf, writeChecksums } from "../ipoib/offload/segmentation.ts";
import { Packets, plain } from "../ipoib/offload/steps.ts";
import { viewOf } from "../wire/support.ts";
import { CoalescingDevice } from "./coalescing_device.ts";
import { TestNamespace } from "./support.ts";
import { accept, listener } from "./tcp_support.ts";
import { ipTest, setKernel } from "./tap_support.ts";

const [FIN, PSH, CWR] = [0x01, 0x08, 0x80];

/** Registers a test for each reactor, which needs ip(8). */
function reactorTest(
  name: string,
  run: (netns: TestNamespace, reactor: ReactorBase) => void,
): void {
  const inNamespace = (reactor: ReactorBase) => {
    using netns = new TestNamespace();
    run(netns, reactor);
  };
  ipTest(`${name} (poll)`, () => inNamespace(new PollReactor()));
  const why = whyNoUring();
  if (why === undefined) {
    ipTest(`${name} (io_uring)`, () => inNamespace(openUringReactor()));
  } else {
    const skipped = `${name} (io_uring) (skipped: ${why})`;
    Deno.test({ name: skipped, ignore: true, fn: () => {} });
  }
}

/** Makes the TCP segments of a client of 10.0.0.2 or fd00::2. */
class Client {
  sequence = 0xffff_f000;
  acknowledged = 0;
  #id = 0xfff0;

  constructor(private readonly version: 4 | 6, private readonly port: number) {}

  segment(flags: number, payload: Uint8Array, options = 0): Uint8Array {
    const ip = this.version === 4 ? 20 : 40;
    const packet = new Uint8Array(ip + 20 + options + payload.length);
    const view = viewOf(packet);
    if (this.version === 4) {
      packet.set([0x45, 0]);
      view.setUint16(2, packet.length);
      view.setUint16(4, this.#id++);
      packet.set([0x40, 0, 64, 6, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1], 6);
    } else {
      packet.set([0x60]);
      view.setUint16(4, packet.length - ip);
      packet.set([6, 64, 0xfd], 6);
      packet.set([2, 0xfd], 23);
      packet[39] = 1;
    }
    view.setUint16(ip, 40_000);
    view.setUint16(ip + 2, this.port);
    view.setUint32(ip + 4, this.sequence);
    view.setUint32(ip + 8, this.acknowledged);
    packet[ip + 12] = 20 + options << 2;
    packet[ip + 13] = flags;
    view.setUint16(ip + 14, 0xffff);
    // The maximum segment size.
    if (options > 0) view.setUint32(ip + 20, 0x0204_0000 | 1400);
    packet.set(payload, ip + 20 + options);
    writeChecksums(packet);
    this.sequence = (this.sequence + payload.length) >>> 0;
    return packet;
  }
}

const [SYN, ACK] = [0x02, 0x10];
const MSS = 1400;
const SEGMENTS = 40;

for (
  const [version, own, peer] of [
    [4, "10.0.0.1", "10.0.0.2"],
    [6, "fd00::1", "fd00::2"],
  ] as const
) {
  reactorTest(
    `the kernel's TCP receives the stream of coalesced segments and acknowledges frames, IPv${version}`,
    (netns, reactor) => {
      const device = new CoalescingDevice(netns, reactor, "ib0");
      const { netdev, sent } = device;
      const ip = version === 4 ? 20 : 40;
      const tcp = () =>
        sent.filter((packet) =>
          packet[0]! >> 4 === version &&
          packet[version === 4 ? 9 : 6] === 6
        ).map((packet) => viewOf(packet.subarray(ip)));
      try {
        device.configure(
          version === 4
            ? `addr add ${own}/24 dev ib0`
            : `addr add ${own}/64 dev ib0 nodad`,
        );
        device.start(peer);
        using socket = listener(netns, own, 80);
        const client = new Client(version, 80);
        device.receive([client.segment(SYN, new Uint8Array(0), 4)]);
        device.until(() => tcp().length > 0);
        const [answer] = tcp();
        assertEquals(answer!.getUint8(13), SYN | ACK);
        client.sequence = (client.sequence + 1) >>> 0;
        client.acknowledged = (answer!.getUint32(4) + 1) >>> 0;
        assertLess(SEGMENTS * MSS, answer!.getUint16(14));
        device.receive([client.segment(ACK, new Uint8Array(0))]);
        let accepted: Fd | undefined;
        device.until(() => (accepted = accept(socket)) !== undefined);
        using connection = accepted!;
        sent.length = 0;

        const stream = Uint8Array.from(
          { length: SEGMENTS * MSS - 500 },
          (_, i) => i * 7 + (i >> 8),
        );
        const frames = device.frames;
        const segments = Array.from({ length: SEGMENTS }, (_, i) => {
          const payload = stream.subarray(i * MSS, (i + 1) * MSS);
          const flags = i === SEGMENTS - 1 ? ACK | PSH : ACK;
          return client.segment(flags, payload);
        });
        device.receive(segments);
        assertEquals(device.frames - frames, 1, "one frame");
        assertEquals(device.packets, 2 + SEGMENTS);
        const received = new Uint8Array(stream.length);
        let at = 0;
        device.until(() => {
          const rest = received.subarray(at);
          const count = libc().recv(connection.number, rest, rest.length, 0);
          at += Math.max(count, 0);
          return at === stream.length;
        });
        assertEquals(received, stream);
        device.until(() => tcp().at(-1)?.getUint32(8) === client.sequence);
        // One acknowledgment per frame, and one when the receiver has read.
        assertLess(tcp().length, SEGMENTS / 8);
      } finally {
        netdev.close();
      }
    },
  );
}

/** Returns the packet that a router forwards. */
function forwarded(packet: Uint8Array): Uint8Array {
  const copy = packet.slice();
  copy[copy[0]! >> 4 === 4 ? 8 : 7]!--;
  if (copy[0]! >> 4 === 4) {
    const transport = copy.slice(20);
    writeChecksums(copy);
    copy.set(transport, 20);
  }
  return copy;
}

/** Returns the packets of each flow, in order. */
function byFlow(packets: readonly Uint8Array[]): Record<string, Uint8Array[]> {
  const flows: Record<string, Uint8Array[]> = {};
  for (const packet of packets) (flows[flowOf(packet)!] ??= []).push(packet);
  return flows;
}

/**
 * Returns ten rounds of a packet of each flow, and a packet with a wrong checksum. The first packets have CWR, the last
 * ones are shorter and have PSH and FIN.
 */
function rounds(
  packets: Packets,
  flows: readonly number[],
  size: number,
): Uint8Array[] {
  const steps = [CWR, 0, 0, 0, 0, 0, 0, 0, 0, PSH | FIN].flatMap((flags, i) =>
    flows.map((flow) => plain(flow, i === 9 ? 7 : size, { flags }))
  );
  steps.push(plain(1, size, { checksum: "wrong" }));
  return steps.map((step) => packets.next(step).packet);
}

reactorTest(
  "what a router forwards of coalesced frames to a device without offloads is byte for byte what was received",
  (netns, reactor) => {
    const input = new CoalescingDevice(netns, reactor, "in0");
    const output = new CoalescingDevice(netns, reactor, "out0", 0);
    try {
      input.configure(`
        link set in0 up
        link set out0 up
        addr add 10.3.0.1/24 dev in0
        addr add 10.4.0.1/24 dev out0
        route add 10.0.0.2/31 dev in0
        route add 10.0.0.1/32 dev out0
        -6 route add fd02::/64 dev in0
        -6 route add fd01::/128 dev out0
      `);
      setKernel(netns, "ipv4/ip_forward", 1);
      setKernel(netns, "ipv6/conf/all/forwarding", 1);
      input.start();
      output.start("10.0.0.1", "fd01::");
      const flows = input.netdev.takesUdpFrames
        ? [0, 1, 2, 3, 4, 5]
        : [0, 1, 2, 3];
      const arrived = () =>
        output.sent.filter((packet) =>
          flowOf(packet)?.includes(" 58") === false
        );
      const packets = new Packets();
      for (const size of [1301, 10]) {
        const all = rounds(packets, flows, size);
        const expected = byFlow(all.map(forwarded));
        for (const coalesced of [true, false]) {
          output.sent.length = 0;
          const before = { frames: input.frames, packets: input.packets };
          input.receive(all, coalesced);
          output.until(() => arrived().length >= all.length);
          output.turns(3);
          assertEquals(byFlow(arrived()), expected);
          const frames = coalesced ? flows.length + 1 : all.length;
          assertEquals(input.frames - before.frames, frames);
          assertEquals(input.packets - before.packets, all.length);
        }
      }
    } finally {
      input.netdev.close();
      output.netdev.close();
    }
  },
);
