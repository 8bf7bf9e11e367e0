/** Isolation of partitions: a port neither reads nor sends packets in a partition that it is not a member of. */

import { assertEquals } from "@std/assert";
import type { SoftPort } from "../../../src/hca/soft/port.ts";
import { STRIDE } from "../../../src/hca/soft/slot_layout.ts";
import type { SlotPool } from "../../../src/hca/soft/slot_pool.ts";
import { PostResult } from "../../../src/hca/post_result.ts";
import type { Fd } from "../../../src/system/fd.ts";
import { Mapping } from "../../../src/system/memory.ts";
import { accept, listen, receive } from "../../../src/system/unix_socket.ts";
import { post } from "./post.ts";
import { registerByHand, ROGUE_GUID, Subnet } from "./subnet.ts";

const DEFAULT = [0xffff];
const BOTH = [0xffff, 0x8005];
const [A, B] = [0x11n, 0x12n];

/** Creates a queue pair with a send memory of its own and the P_Key at this index. */
function end(subnet: Subnet, port: SoftPort, pkeyIndex: number) {
  const memory = port.openSendMemory();
  const qp = port.createUdQp({ memory, pkeyIndex, recvQueueSize: 64 });
  qp.setQkey(1);
  const taken: number[] = [];
  const batch = qp.createBatch();
  qp.onReceive = () => {
    while (qp.poll(batch) > 0) {
      for (let i = 0; i < batch.count; i++) {
        taken.push(batch.view[i]!.getUint8(batch.payload[i]!));
      }
      qp.release(batch);
    }
  };
  subnet.settle(1);
  return { port, memory, qp, taken };
}

/** A registered port that maps the send memory of each port that opens a link to it. */
class Spy implements Disposable {
  readonly lid: number;
  readonly #manager: Fd;
  readonly #listener: Fd;
  readonly #subnet: Subnet;
  readonly #mappings: Mapping[] = [];

  constructor(subnet: Subnet) {
    this.#subnet = subnet;
    const { manager, lid } = registerByHand(subnet, ROGUE_GUID);
    this.#manager = manager;
    this.lid = lid;
    this.#listener = listen(
      `${subnet.directory}/port-${ROGUE_GUID.slice(2)}.sock`,
    );
  }

  /** Accepts the links that ports have opened; returns the number of links accepted so far. */
  take(): number {
    this.#subnet.settle(2);
    for (;;) {
      const connection = accept(this.#listener.number);
      if (!connection) return this.#mappings.length;
      const hello = receive(connection.number);
      if (hello.type !== "message") throw new Error("no hello");
      const { slots } = JSON.parse(new TextDecoder().decode(hello.bytes));
      const [memory] = hello.fds;
      this.#mappings.push(
        new Mapping(memory!.number, slots * STRIDE, "read"),
      );
    }
  }

  /** True if a mapped memory contains a run of 64 bytes of this value. */
  sees(byte: number): boolean {
    const text = new Uint8Array(64).fill(byte);
    return this.#mappings.some(({ bytes }) => contains(bytes, text));
  }

  [Symbol.dispose](): void {
    for (const mapping of this.#mappings) mapping.unmap();
    this.#listener.close();
    this.#manager.close();
  }
}

function contains(memory: Uint8Array, text: Uint8Array): boolean {
  for (let slot = 0; slot * STRIDE < memory.length; slot++) {
    const bytes = memory.subarray(slot * STRIDE, slot * STRIDE + 512);
    for (let at = bytes.indexOf(text[0]!); at >= 0;) {
      if (text.every((byte, i) => bytes[at + i] === byte)) return true;
      at = bytes.indexOf(text[0]!, at + 1);
    }
  }
  return false;
}

function send(
  from: { port: SoftPort; memory: SlotPool; qp: ReturnType<typeof end>["qp"] },
  to: { lid: number; qpn: number },
  byte: number,
): PostResult | undefined {
  return post(
    from,
    { dlid: to.lid, qpn: to.qpn },
    new Uint8Array(64).fill(byte),
  );
}

/** Creates two ports in the default and another partition, and a spy in the default partition. */
function scene() {
  const subnet = new Subnet();
  const [a, b] = subnet.openAll(A, B) as [SoftPort, SoftPort];
  const spy = new Spy(subnet);
  const { manager } = subnet.host!;
  for (const guid of [A, B]) manager.setPkeys(guid, BOTH, 0);
  manager.setPkeys(BigInt(ROGUE_GUID), DEFAULT, 0);
  subnet.settle(5);
  return { subnet, a, b, spy, manager };
}

Deno.test("a port cannot read packets that another port sends in a partition it is not in", () => {
  const { subnet, a, b, spy } = scene();
  using _subnet = subnet;
  using _spy = spy;
  const [open, secret] = [end(subnet, a, 0), end(subnet, a, 1)];
  const [other, friend] = [end(subnet, b, 0), end(subnet, b, 1)];
  send(open, { lid: spy.lid, qpn: 0x48 }, 0x61);
  a.flush();
  assertEquals(spy.take(), 1);
  const lid = b.attributes.lid;
  send(open, { lid, qpn: other.qp.qpn }, 0x62);
  send(secret, { lid, qpn: friend.qp.qpn }, 0x63);
  subnet.until(() => other.taken.length + friend.taken.length === 2);
  assertEquals([spy.sees(0x61), spy.sees(0x62)], [true, true]);
  assertEquals(spy.sees(0x63), false);
  // The sender opens no link to it for the other partition.
  assertEquals(
    send(secret, { lid: spy.lid, qpn: 0x48 }, 0x64),
    PostResult.Unreachable,
  );
  assertEquals(spy.take(), 1);
  assertEquals(a.counters().xmit_constraint_errors, 1);
});

Deno.test("a port that leaves a partition cannot read later packets, and other members still receive theirs", () => {
  const { subnet, a, b, spy, manager } = scene();
  using _subnet = subnet;
  using _spy = spy;
  manager.setPkeys(BigInt(ROGUE_GUID), BOTH, 0);
  subnet.settle(5);
  const secret = end(subnet, a, 1);
  const friend = end(subnet, b, 1);
  const to = { lid: b.attributes.lid, qpn: friend.qp.qpn };
  send(secret, { lid: spy.lid, qpn: 0x48 }, 0x61);
  a.flush();
  assertEquals([spy.take(), spy.sees(0x61)], [1, true]);
  manager.setPkeys(BigInt(ROGUE_GUID), DEFAULT, 0);
  subnet.settle(5);
  subnet.until(() => {
    send(secret, to, 0x65);
    return friend.taken.length > 0;
  });
  assertEquals(spy.sees(0x65), false);
  assertEquals(secret.memory.free > 200, true, "slots are freed");
});

Deno.test("a queue pair whose P_Key index changes partition sends nothing until the P_Key is restored", () => {
  const { subnet, a, b, manager } = scene();
  using _subnet = subnet;
  const secret = end(subnet, a, 1);
  const friend = end(subnet, b, 1);
  const to = { lid: b.attributes.lid, qpn: friend.qp.qpn };
  manager.setPkeys(A, [0xffff, 0x8006], 0);
  subnet.settle(5);
  assertEquals(send(secret, to, 0x61), PostResult.NotReady);
  manager.setPkeys(A, BOTH, 0);
  subnet.settle(5);
  subnet.until(() => {
    send(secret, to, 0x62);
    return friend.taken.includes(0x62);
  });
});

Deno.test("limited members of a partition exchange no packets with each other, but do with a full member", () => {
  const { subnet, a, b, manager } = scene();
  using _subnet = subnet;
  const c = subnet.openAll(0x13n)[0]!;
  manager.setPkeys(A, [0xffff, 0x0005], 0);
  manager.setPkeys(B, [0xffff, 0x0005], 0);
  manager.setPkeys(0x13n, [0xffff, 0x8005], 0);
  subnet.settle(5);
  const [one, two, full] = [a, b, c].map((port) => end(subnet, port, 1)) as [
    ReturnType<typeof end>,
    ReturnType<typeof end>,
    ReturnType<typeof end>,
  ];
  const at = ({ port, qp }: typeof one) => ({
    lid: port.attributes.lid,
    qpn: qp.qpn,
  });
  assertEquals(send(one, at(two), 0x61), PostResult.Unreachable);
  assertEquals(send(one, at(full), 0x62), PostResult.Sent);
  assertEquals(send(full, at(one), 0x63), PostResult.Sent);
  assertEquals(send(full, at(two), 0x64), PostResult.Sent);
  subnet.until(() =>
    full.taken.includes(0x62) && one.taken.includes(0x63) &&
    two.taken.includes(0x64)
  );
  assertEquals(two.taken, [0x64]);
});
