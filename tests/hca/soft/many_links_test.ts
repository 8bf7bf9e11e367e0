/** Bounds on the links that a peer opens: their number is limited, and idle links are not polled. */

import { assertEquals } from "@std/assert";
import { FakeClock } from "../../../src/base/clock.ts";
import {
  encodeLinkMessage,
  LINK_VERSION,
} from "../../../src/hca/soft/link_hello.ts";
import type { SoftPort } from "../../../src/hca/soft/port.ts";
import { RING_BYTES, RingSender, Wake } from "../../../src/hca/soft/ring.ts";
import { STRIDE } from "../../../src/hca/soft/slot_layout.ts";
import type { Fd } from "../../../src/system/fd.ts";
import { createMemory, Mapping } from "../../../src/system/memory.ts";
import { PollReactor } from "../../../src/system/poll_reactor.ts";
import {
  connect,
  receive,
  send,
  sendWake,
} from "../../../src/system/unix_socket.ts";
import { post } from "./post.ts";
import { registerByHand, ROGUE_GUID, Subnet } from "./subnet.ts";

const MAX_LINKS_PER_PORT = 256;

/** The sending end of a link, operated by the test. */
class HandLink implements Disposable {
  readonly connection: Fd;
  readonly ring: RingSender;
  readonly #mapping: Mapping;

  constructor(path: string, token: string, pool: number, memory: Fd) {
    using ring = createMemory("ring", RING_BYTES);
    this.#mapping = new Mapping(ring.number, RING_BYTES, "write");
    this.ring = new RingSender(new Int32Array(this.#mapping.buffer));
    this.connection = connect(path)!;
    const hello = encodeLinkMessage({
      version: LINK_VERSION,
      guid: ROGUE_GUID,
      ...{ token, pkey: 0xffff, pool, slots: 1, stride: STRIDE },
    });
    send(this.connection.number, hello, [memory.number, ring.number]);
  }

  /** True if the receiver has hung up. */
  get ended(): boolean {
    for (;;) {
      const received = receive(this.connection.number);
      if (received.type !== "message") return received.type === "closed";
      for (const fd of received.fds) fd.close();
    }
  }

  [Symbol.dispose](): void {
    this.connection.close();
    this.#mapping.unmap();
  }
}

function scene(reactor = new PollReactor()) {
  const parts = new DisposableStack();
  const subnet = parts.use(new Subnet({}, reactor));
  const [port, peer] = subnet.openAll(0x11n, 0x12n) as [SoftPort, SoftPort];
  const { manager, links } = registerByHand(subnet, ROGUE_GUID);
  parts.use(manager);
  const memory = parts.use(createMemory("slots", STRIDE));
  const token = links.get("0x0000000000000011")!;
  const path = `${subnet.directory}/port-0000000000000011.sock`;
  const open = (pool: number) => {
    const link = parts.use(new HandLink(path, token, pool, memory));
    subnet.reactor.turn(0);
    return link;
  };
  const count = () => port.counters().links!;
  return { parts, subnet, port, peer, path, token, open, count };
}

Deno.test("a port limits the links of one peer without affecting those of other peers", () => {
  const { parts, subnet, port, peer, open, count } = scene();
  using _parts = parts;
  const links = Array.from(
    { length: MAX_LINKS_PER_PORT + 40 },
    (_, pool) => open(pool),
  );
  subnet.settle();
  assertEquals(count(), MAX_LINKS_PER_PORT);
  assertEquals(links.filter((link) => link.ended).length, 40);
  const { qp, taken } = subnet.receiver(port);
  const sender = { port: peer, ...subnet.receiver(peer) };
  const to = { dlid: port.attributes.lid, qpn: qp.qpn };
  post(sender, to, new Uint8Array([7]));
  subnet.until(() => taken.length === 1, "the other peer's packet");
  assertEquals(port.counters().links_refused, 40);
});

Deno.test("a second link from the same memory replaces the first", () => {
  const { parts, subnet, open, count } = scene();
  using _parts = parts;
  const [first, second] = [open(5), open(5)];
  subnet.settle();
  assertEquals([first.ended, second.ended, count()], [true, false, 1]);
});

Deno.test("idle links are parked until they are woken, and lose no packet", () => {
  const { parts, subnet, port, open, count } = scene();
  using _parts = parts;
  const links = Array.from({ length: 100 }, (_, pool) => open(pool));
  subnet.settle();
  assertEquals(count(), 100);
  for (let turn = 0; turn < 300; turn++) subnet.reactor.turn(0);
  // The slots are all zeros, so each packet is counted as a bad header.
  const before = port.counters().bad_header!;
  let woken = 0;
  for (const { ring, connection } of links) {
    ring.push(0, 40);
    ring.publish();
    const wake = ring.takeWake();
    if (wake === Wake.None) continue;
    assertEquals(wake, Wake.Connection);
    sendWake(connection.number);
    woken++;
  }
  assertEquals(woken, 100 - 16);
  subnet.until(
    () => port.counters().bad_header === before + links.length,
    "a packet of each link",
  );
});

Deno.test("a connection without a hello is closed after one second", () => {
  const clock = new FakeClock();
  const { parts, subnet, port, path } = scene(new PollReactor(clock));
  using _parts = parts;
  const silent = Array.from({ length: 70 }, () => {
    const connection = parts.use(connect(path)!);
    subnet.reactor.turn(0);
    return connection;
  });
  // At most 64 connections wait: each further one closes the oldest.
  assertEquals(port.counters().links_refused, 6);
  clock.advance(999);
  subnet.settle(5);
  assertEquals(port.counters().links_refused, 6);
  clock.advance(1);
  subnet.until(
    () => silent.every(({ number }) => receive(number).type === "closed"),
    "the end of all connections",
  );
  assertEquals(port.counters().links_refused, 70);
});

Deno.test("a hello of a port that is not in the forwarding tables yet waits for the update", () => {
  const { parts, subnet, port, path, token, count } = scene();
  using _parts = parts;
  // The port has not read the manager's update about this one.
  const { manager, links } = registerByHand(subnet, "0x00000000000000fe");
  using _manager = manager;
  using memory = createMemory("slots", STRIDE);
  using ring = createMemory("ring", RING_BYTES);
  using connection = connect(path)!;
  const hello = (guid: string, token: string) =>
    encodeLinkMessage({
      version: LINK_VERSION,
      guid,
      ...{ token, pkey: 0xffff, pool: 0, slots: 1, stride: STRIDE },
    });
  const fds = [memory.number, ring.number];
  const own = links.get("0x0000000000000011")!;
  send(connection.number, hello("0x00000000000000fe", own), fds);
  subnet.until(() => count() === 1, "the link");
  // A token is valid for one GUID only.
  using thief = connect(path)!;
  send(thief.number, hello("0x00000000000000fe", token), fds);
  subnet.until(() => receive(thief.number).type === "closed");
  assertEquals([count(), port.counters().links_refused], [1, 1]);
});
