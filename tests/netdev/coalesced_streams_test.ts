/**
 * TCP streams between two kernels, whose packets are coalesced on the way in both directions: several connections at a
 * time, with writes and reads of random lengths, urgent data, full receive buffers, explicit congestion notification,
 * loss, repetition, reordering and wrong bytes.
 */

import { assert, assertEquals, assertGreater } from "@std/assert";
import { libc } from "../../ffi/libc.ts";
import { patient } from "../../scripts/machine.ts";
import { FULL } from "../../scripts/test/form.ts";
import type { Fd } from "../../src/system/fd.ts";
import { withNamespace } from "../../src/system/namespace.ts";
import { PollReactor } from "../../src/system/poll_reactor.ts";
import { writeChecksums } from "../ipoib/offload/segmentation.ts";
import { type Random, random } from "../wire/support.ts";
import { CoalescingDevice } from "./coalescing_device.ts";
import { TestNamespace } from "./support.ts";
import { ipTest, setKernel } from "./tap_support.ts";
import {
  accept,
  connect,
  listener,
  setOption,
  SocketOption,
} from "./tcp_support.ts";

const BYTES = FULL ? 20_000_000 : 1_500_000;
const SECONDS = FULL ? 120 : 20;
const SEED = 0xc0a1;
const PORT = 5000;
const POLL = 64;
const TCP = 6;
const MSG_OOB = 1;
/** Explicit congestion notification: ECT(0), and congestion experienced. */
const [ECT, CE] = [2, 3];

/** One disturbed packet in this number, for each disturbance. */
const RARE = 150;

function isTcp(packet: Uint8Array): boolean {
  return packet[0]! >> 4 === 4 ? packet[9] === TCP : packet[6] === TCP;
}

/** Marks a packet of a connection that uses ECN as if a router was congested. */
function markCongestion(packet: Uint8Array): void {
  if (packet[0]! >> 4 === 6) {
    if ((packet[1]! >> 4 & CE) === ECT) packet[1]! |= CE << 4;
    return;
  }
  if ((packet[1]! & CE) !== ECT) return;
  packet[1]! |= CE;
  const transport = packet.slice(20);
  writeChecksums(packet);
  packet.set(transport, 20);
}

/** Returns the packets that arrive of those that were sent. */
function disturbed(sent: Uint8Array[], next: Random): Uint8Array[] {
  const arrived: Uint8Array[] = [];
  for (const packet of sent) {
    const fate = next(RARE);
    if (fate === 0) continue;
    if (fate === 1) arrived.push(packet);
    if (fate === 2) markCongestion(packet);
    // A payload byte, so that only the checksum is wrong.
    if (fate === 3) packet[packet.length - 1]! ^= 1 << next(8);
    const last = arrived.at(-1);
    if (fate === 4 && last) arrived.splice(-1, 1, packet, last);
    else arrived.push(packet);
  }
  return arrived;
}

/** A kernel with a device. */
class Host implements Disposable {
  readonly netns = new TestNamespace();
  readonly device: CoalescingDevice;

  constructor(reactor: PollReactor, own: readonly string[]) {
    this.device = new CoalescingDevice(this.netns, reactor, "ib0", 0);
    this.device.configure(`
      link set ib0 mtu 2044
      addr add ${own[0]}/24 dev ib0
      addr add ${own[1]}/64 dev ib0 nodad
    `);
    setKernel(this.netns, "ipv4/tcp_ecn", 1);
  }

  /** Number of received segments that the kernel dropped because their checksum is wrong. */
  get wrongChecksums(): number {
    const text = withNamespace(
      this.netns.fd,
      () => Deno.readTextFileSync("/proc/thread-self/net/snmp"),
    );
    return Number(text.match(/^Tcp: \d.* (\d+)$/m)![1]);
  }

  [Symbol.dispose](): void {
    this.device.netdev.close();
    this.netns[Symbol.dispose]();
  }
}

/** Byte `at` of every stream. */
function byteAt(at: number): number {
  return (Math.imul(at, 0x9e3779b1) >>> 21) & 255;
}

/** One direction of a connection. */
class Stream {
  #sent = 0;
  #received = 0;
  #pause = 0;
  readonly #from: Fd;
  readonly #to: Fd;
  readonly #longest: number;
  readonly #urgent: boolean;
  readonly #buffer = new Uint8Array(65_536);

  /** @param longest longest write in bytes */
  constructor(from: Fd, to: Fd, longest: number, urgent: boolean) {
    this.#from = from;
    this.#to = to;
    this.#longest = longest;
    this.#urgent = urgent;
    setOption(from, SocketOption.NoDelay, 1);
    setOption(to, SocketOption.OobInline, 1);
  }

  get done(): boolean {
    return this.#received === BYTES;
  }

  step(next: Random): void {
    this.#send(next);
    // While nothing is read, the window closes.
    if (this.#pause > 0) this.#pause--;
    else if (next(200) === 0) this.#pause = 50;
    else this.#receive(1 + next(65_536));
  }

  #send(next: Random): void {
    const length = Math.min(1 + next(this.#longest), BYTES - this.#sent);
    if (length === 0) return;
    for (let i = 0; i < length; i++) this.#buffer[i] = byteAt(this.#sent + i);
    const flags = this.#urgent && next(50) === 0 ? MSG_OOB : 0;
    const { number } = this.#from;
    const sent = libc().send(number, this.#buffer, length, flags);
    if (sent > 0) this.#sent += sent;
  }

  #receive(most: number): void {
    const count = libc().recv(this.#to.number, this.#buffer, most, 0);
    for (let i = 0; i < count; i++) {
      const at = this.#received + i;
      if (this.#buffer[i] !== byteAt(at)) assert(false, `byte ${at} is wrong`);
    }
    if (count > 0) this.#received += count;
  }
}

const ADDRESSES = [
  ["10.1.0.1", "fd01::1"],
  ["10.1.0.2", "fd01::2"],
] as const;

/** The connections: address, receive buffer, longest write, and whether urgent data is sent. */
const CONNECTIONS = [
  { family: 0, buffer: 1 << 20, longest: 65_536, urgent: false },
  { family: 1, buffer: 1 << 18, longest: 65_536, urgent: true },
  { family: 0, buffer: 1 << 14, longest: 3000, urgent: true },
  { family: 1, buffer: 1 << 20, longest: 20_000, urgent: false },
];

ipTest(
  "TCP streams whose packets are coalesced arrive unchanged, whatever happens to the packets",
  () => {
    const next = random(SEED);
    const reactor = new PollReactor();
    using a = new Host(reactor, ADDRESSES[0]);
    using b = new Host(reactor, ADDRESSES[1]);
    a.device.start(...ADDRESSES[1]);
    b.device.start(...ADDRESSES[0]);
    using sockets = new DisposableStack();
    const end = performance.now() + patient(SECONDS * 1000);
    let quiet = true;
    /** Carries up to a poll of packets in each direction. */
    const carry = () => {
      for (
        const [from, to] of [[a.device, b.device], [
          b.device,
          a.device,
        ]] as const
      ) {
        const sent = from.sent.splice(0, POLL / 2).filter(isTcp);
        to.poll(quiet ? sent : disturbed(sent, next));
      }
      reactor.turn(a.device.sent.length + b.device.sent.length > 0 ? 0 : 1);
    };
    const streams = CONNECTIONS.flatMap((each, i) => {
      const { family, buffer, longest, urgent } = each;
      const port = PORT + i;
      const address = ADDRESSES[1][family]!;
      const server = sockets.use(listener(b.netns, address, port));
      setOption(server, SocketOption.ReceiveBuffer, buffer);
      const client = sockets.use(connect(a.netns, address, port));
      let accepted: Fd | undefined;
      while ((accepted = accept(server)) === undefined) {
        assert(performance.now() < end, "a connection is accepted");
        carry();
      }
      sockets.use(accepted);
      return [
        new Stream(client, accepted, longest, urgent),
        new Stream(accepted, client, longest, urgent),
      ];
    });
    quiet = false;
    while (streams.some(({ done }) => !done)) {
      assert(performance.now() < end, "the streams arrive");
      for (const stream of streams) stream.step(next);
      carry();
    }
    for (const { device, wrongChecksums } of [a, b]) {
      assertEquals(device.refused, []);
      assertGreater(device.packets, 1.2 * device.frames, "packets coalesced");
      assertGreater(wrongChecksums, 0, "the kernel sees wrong checksums");
    }
  },
);
