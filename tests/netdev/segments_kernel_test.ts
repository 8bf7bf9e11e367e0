/**
 * The segments of large sends beside those of the kernel, and through it: forwarded large sends that the kernel itself
 * cuts, and a TCP stream between two kernels whose large sends are cut on the way.
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { errno, libc } from "../../ffi/libc.ts";
import { patient } from "../../scripts/machine.ts";
import { OFFLOAD_SETS } from "../../src/netdev/tap/constants.ts";
import { openTap } from "../../src/netdev/tap/open_tap.ts";
import type { Tap } from "../../src/netdev/tap/tap.ts";
import { Fd } from "../../src/system/fd.ts";
import { withNamespace } from "../../src/system/namespace.ts";
import { EthernetKind, FRAME_HEADER_LENGTH } from "../../src/wire/ethernet.ts";
import { writeEthernetHeader } from "../../src/wire/frame_header.ts";
import { completeChecksum } from "../../src/wire/partial_checksum.ts";
import { Segmenter } from "../../src/wire/segmenter.ts";
import { SummedMemory } from "../../src/wire/summed_memory.ts";
import { VNET_HEADER_LENGTH } from "../../src/wire/vnet.ts";
import {
  familyOf,
  SOCK_DGRAM_CLOEXEC,
  socketAddress,
} from "../system/socket_address.ts";
import {
  anyLarge,
  frameOf,
  type Large,
  large,
  type Parsed,
  parsed,
  place,
} from "../wire/large_send_packet.ts";
import { viewOf } from "../wire/support.ts";
import { TestNamespace } from "./support.ts";
import { configure, ipTest, setKernel } from "./tap_support.ts";

const MAX_FRAME = 65_536 + FRAME_HEADER_LENGTH;
/** Where the headers of segments are written. */
const HEADERS = 2 * 65_536;
const SEED = 0x5e9;
const IPV6 = 0x86dd;
const TUN_F_USO4 = 0x20;

const memory = new SummedMemory(3 * 65_536);
const segmenter = new Segmenter(memory);
const buffer = new Uint8Array(MAX_FRAME);

/** Returns the packets of a frame: the segments of a large send, or one packet with a complete checksum. */
function packetsOf(frame: Uint8Array): Uint8Array[] {
  const { vnet, ip, length } = place(memory, frame, 0);
  if (frame[1] === 0) {
    assert(completeChecksum(memory, vnet, ip, length));
    return [memory.bytes.slice(ip, ip + length)];
  }
  assert(segmenter.begin(vnet, ip, length), "the large send is valid");
  const packets: Uint8Array[] = [];
  while (segmenter.left > 0) {
    const from = segmenter.payload;
    const payload = segmenter.next(HEADERS);
    packets.push(Uint8Array.of(
      ...memory.bytes.subarray(HEADERS, HEADERS + segmenter.headers),
      ...memory.bytes.subarray(from, from + payload),
    ));
  }
  return packets;
}

/** Reads the next IP frame, or returns undefined if there is none. */
function read(tap: Tap): Uint8Array | undefined {
  for (;;) {
    const length = libc().read(tap.fd, buffer, buffer.length);
    if (length <= 0) return undefined;
    return buffer.slice(0, length);
  }
}

/** Writes a frame whose Ethernet header is that of a received packet. */
function write(tap: Tap, frame: Uint8Array): void {
  const view = viewOf(frame);
  const version = frame[FRAME_HEADER_LENGTH]! >> 4;
  const type = version === 4 ? 0x0800 : IPV6;
  writeEthernetHeader(view, VNET_HEADER_LENGTH, EthernetKind.Host, type);
  assertEquals(tap.writeBytes(frame), frame.length);
}

/** Returns a frame with a packet that needs nothing done. */
function frameWith(packet: Uint8Array): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_LENGTH + packet.length);
  frame.set(packet, FRAME_HEADER_LENGTH);
  return frame;
}

/** A kernel that forwards from `ib0` to `ib1`, which has no offloads, so that the kernel cuts large sends itself. */
class Router implements Disposable {
  readonly netns = new TestNamespace();
  readonly from: Tap;
  readonly to: Tap;

  constructor() {
    const { netns } = this;
    this.from = openTap({ name: "ib0", netns: netns.fd });
    this.to = openTap({ name: "ib1", netns: netns.fd, offload: 0 });
    setKernel(netns, "ipv4/ip_forward", 1);
    setKernel(netns, "ipv6/conf/all/forwarding", 1);
    setKernel(netns, "ipv6/conf/all/accept_dad", 0);
    for (const [i, tap] of [this.from, this.to].entries()) {
      tap.setCarrier(true);
      const name = `ib${i}`;
      configure(
        netns,
        `link set ${name} mtu 65521 up
         addr add 10.${i + 1}.0.1/24 dev ${name}
         addr add fd0${i + 1}::1/64 dev ${name} nodad
         neigh replace 10.${i + 1}.0.2 dev ${name} nud permanent
         neigh replace fd0${i + 1}::2 dev ${name} nud permanent`,
      );
    }
    netns.settle();
    while (read(this.to)) continue;
  }

  /** Returns the packets into which the kernel cuts a large send. */
  forward(fields: Large): Uint8Array[] {
    write(this.from, frameOf(fields));
    const packets: Uint8Array[] = [];
    const end = performance.now() + patient(2000);
    for (let left = fields.payload.length; left > 0;) {
      const frame = read(this.to);
      assert(performance.now() < end, "the kernel forwards the segments");
      if (!frame) continue;
      const packet = frame.slice(FRAME_HEADER_LENGTH);
      // Neither router solicitations nor reports.
      const protocol = packet[packet[0]! >> 4 === 4 ? 9 : 6];
      if (protocol === 0 || protocol === 58) continue;
      assertEquals(frame[0], 0, "the checksum is complete");
      packets.push(packet);
      left -= Math.min(left, fields.size);
    }
    return packets;
  }

  [Symbol.dispose](): void {
    this.from.close();
    this.to.close();
    this.netns[Symbol.dispose]();
  }
}

ipTest(
  "the segments of a large send are those of the kernel, byte for byte",
  () => {
    using router = new Router();
    const udp = (router.from.offload & TUN_F_USO4) !== 0;
    const all = [
      ...[true, false].flatMap((ipv4) => [
        ...[0, 1, 8, 9, 0x80, 0x89, 0x1ff].map((flags) =>
          large({ ipv4, flags: 0x10 | flags })
        ),
        large({ ipv4, dontFragment: false, id: 0, options: 2 }),
        large({ ipv4, size: 1249, payload: new Uint8Array(2500) }),
        large({ ipv4, tcp: false }),
      ]),
      ...fc.sample(anyLarge(20_000), { numRuns: 100, seed: SEED }),
    ];
    let compared = 0;
    for (const fields of all) {
      // The kernel drops large sends of one segment, and before Linux 6.2 those of UDP.
      if (
        fields.payload.length <= fields.size || (!fields.tcp && !udp)
      ) continue;
      const ours = packetsOf(frameOf({ ...fields, ttl: fields.ttl - 1 }));
      assertEquals(ours, router.forward(fields));
      compared++;
    }
    assert(compared > 50);
  },
);

const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const SOCK_STREAM_NONBLOCK_CLOEXEC = 1 | 0x800 | 0x80000;
const SOCK_NONBLOCK = 0x800;
const EINPROGRESS = 115;
const [PORT, CHUNK, CHUNKS] = [5000, 65_536, 40];

/** A kernel with a TAP, and with a TCP socket. */
class Host implements Disposable {
  readonly netns = new TestNamespace();
  readonly tap: Tap;
  readonly #sockets: Fd[] = [];

  constructor(own: string, peer: string, offload: number) {
    const { netns } = this;
    this.tap = openTap({ name: "ib0", netns: netns.fd, offload });
    this.tap.setCarrier(true);
    configure(
      netns,
      `link set ib0 mtu 2044 up
       addr add ${own}/64 dev ib0 ${own.includes(":") ? "nodad" : ""}
       neigh replace ${peer} dev ib0 nud permanent`
        .replace("/64", own.includes(":") ? "/64" : "/24"),
    );
    netns.settle();
  }

  /** Opens a non-blocking TCP socket. */
  socket(address: string): number {
    const fd = new Fd(
      withNamespace(
        this.netns.fd,
        () => libc().socket(familyOf(address), SOCK_STREAM_NONBLOCK_CLOEXEC, 0),
      ),
    );
    return this.keep(fd.number, fd);
  }

  keep(number: number, fd = new Fd(number)): number {
    this.#sockets.push(fd);
    return number;
  }

  [Symbol.dispose](): void {
    for (const fd of this.#sockets) fd.close();
    this.tap.close();
    this.netns[Symbol.dispose]();
  }
}

for (
  const [family, client, server] of [
    ["IPv4", "10.1.0.1", "10.1.0.2"],
    ["IPv6", "fd01::1", "fd01::2"],
  ] as const
) {
  ipTest(
    `a TCP stream over ${family} whose large sends are cut arrives, with checksums that the kernel accepts`,
    () => {
      using a = new Host(client, server, OFFLOAD_SETS[0]!);
      using b = new Host(server, client, 0);
      let largest = 0;
      /** Carries the frames in both directions. */
      const carry = () => {
        for (const [from, to] of [[a.tap, b.tap], [b.tap, a.tap]] as const) {
          for (let frame = read(from); frame; frame = read(from)) {
            if (frame[24] !== 0x08 && frame[24] !== 0x86) continue;
            if (frame[25] === 0x06) continue;
            largest = Math.max(largest, frame.length);
            for (const packet of packetsOf(frame)) {
              assert(packet.length <= 2044, "the segment fits the MTU");
              write(to, frameWith(packet));
            }
          }
        }
      };
      const end = performance.now() + patient(10_000);
      const until = (what: string, done: () => boolean) => {
        while (!done()) {
          assert(performance.now() < end, what);
          carry();
        }
      };
      const listener = b.socket(server);
      const to = socketAddress(server, PORT);
      assertEquals(libc().bind(listener, to, to.length), 0);
      assertEquals(libc().listen(listener, 1), 0);
      const sending = a.socket(client);
      assertEquals(libc().connect(sending, to, to.length), -1);
      assertEquals(errno(), EINPROGRESS);
      let receiving = -1;
      until("connected", () => {
        receiving = libc().accept4(listener, null, null, SOCK_NONBLOCK);
        return receiving >= 0;
      });
      b.keep(receiving);
      const chunk = Uint8Array.from(
        { length: CHUNK },
        (_, i) => i * 31 + (i >> 8),
      );
      const total = CHUNK * CHUNKS;
      let [sent, received] = [0, 0];
      const input = new Uint8Array(CHUNK);
      until("received", () => {
        const at = sent % CHUNK;
        if (sent < total) {
          const n = libc().send(sending, chunk.subarray(at), CHUNK - at, 0);
          if (n > 0) sent += n;
        }
        const n = libc().recv(receiving, input, CHUNK, 0);
        for (let i = 0; i < n; i++) {
          if (input[i] !== chunk[(received + i) % CHUNK]) {
            assert(false, `byte ${received + i} is wrong`);
          }
        }
        if (n > 0) received += n;
        return received === total;
      });
      assert(largest > 10_000, "the kernel sends large sends");
      const errors = withNamespace(
        b.netns.fd,
        () => Deno.readTextFileSync("/proc/thread-self/net/snmp"),
      ).match(/^Tcp: \d.* (\d+)$/m);
      assertEquals(errors?.[1], "0", "InCsumErrors");
    },
  );
}

for (
  const [family, own, peers] of [
    ["IPv4", "10.1.0.1", ["10.1.0.2", "239.1.2.3"]],
    ["IPv6", "fd01::1", ["fd01::2"]],
  ] as const
) {
  ipTest(
    `UDP packets that a socket sends at once over ${family} are cut as it asked`,
    () => {
      using a = new Host(own, peers[0], OFFLOAD_SETS[0]!);
      // Before Linux 6.2 the kernel cuts them itself.
      const type = a.tap.offload & TUN_F_USO4 ? 5 : 0;
      configure(a.netns, "route add default dev ib0");
      using socket = new Fd(
        withNamespace(
          a.netns.fd,
          () => libc().socket(familyOf(own), SOCK_DGRAM_CLOEXEC, 0),
        ),
      );
      const size = new Uint8Array(new Int32Array([1400]).buffer);
      const set = libc().setsockopt(
        socket.number,
        SOL_UDP,
        UDP_SEGMENT,
        size,
        4,
      );
      assertEquals(set, 0);
      const payload = Uint8Array.from({ length: 30_000 }, (_, i) => i * 13 + 5);
      for (const peer of peers) {
        const to = socketAddress(peer, PORT);
        assertEquals(
          libc().sendto(
            socket.number,
            payload,
            payload.length,
            0,
            to,
            to.length,
          ),
          payload.length,
        );
        const packets: Parsed[] = [];
        const end = performance.now() + patient(2000);
        while (packets.length < Math.ceil(payload.length / 1400)) {
          assert(performance.now() < end, `the packets to ${peer} are read`);
          const frame = read(a.tap);
          if (!frame || !isUdp(frame)) continue;
          assertEquals(frame[1], type);
          packets.push(...packetsOf(frame).map(parsed));
        }
        const lengths = packets.map((each) => each.payload.length);
        assertEquals(lengths.slice(0, -1), lengths.slice(1).fill(1400));
        const whole = packets.flatMap((each) => [...each.payload]);
        assertEquals(Uint8Array.from(whole), payload);
      }
    },
  );
}

/** True for a frame with a UDP packet to PORT. */
function isUdp(frame: Uint8Array): boolean {
  const packet = frame.subarray(FRAME_HEADER_LENGTH);
  const [protocol, udp] = packet[0]! >> 4 === 4 ? [9, 20] : [6, 40];
  return packet[protocol] === SOL_UDP &&
    (packet[udp + 2]! << 8 | packet[udp + 3]!) === PORT;
}
