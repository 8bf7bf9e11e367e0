/**
 * Fuzz targets of shared memory that a peer writes: slots and rings, from the sending and the receiving end of a link.
 */

import { assert, assertEquals } from "@std/assert";
import type { UdQp } from "../../../src/hca/ud_qp.ts";
import {
  encodeLinkMessage,
  LINK_VERSION,
} from "../../../src/hca/soft/link_hello.ts";
import type { SoftPort } from "../../../src/hca/soft/port.ts";
import { RING_BYTES } from "../../../src/hca/soft/ring.ts";
import { STRIDE } from "../../../src/hca/soft/slot_layout.ts";
import { createEventFd } from "../../../src/system/event_fd.ts";
import type { Fd } from "../../../src/system/fd.ts";
import { Mapping } from "../../../src/system/memory.ts";
import { MAX_IP_PACKET } from "../../../src/wire/ipv4.ts";
import {
  accept,
  listen,
  receive,
  send,
} from "../../../src/system/unix_socket.ts";
import { memoryOf, type Rogue, Subnet } from "../../hca/soft/subnet.ts";
import { viewOf } from "../../wire/support.ts";
import type { FuzzSession, FuzzTarget } from "./target.ts";

const QKEY = 1;
const ROGUE_SLOTS = 4;
/** Bytes of each slot that an input writes: all headers and the start of the packet. */
const SLOT_BYTES = 160;
const DESCRIPTORS_AT = 64;
const RETURN_HEAD = 16;
const RETURNS_AT = 576;

/** Creates a queue pair that receives packets and reads the fields that the engine reads. */
function reader(port: SoftPort): UdQp {
  const qp = port.createUdQp({
    memory: memoryOf(port),
    pkeyIndex: 0,
    recvQueueSize: 256,
  });
  qp.setQkey(QKEY);
  const batch = qp.createBatch();
  const gid = new Uint8Array(16);
  qp.onReceive = () => {
    while (qp.poll(batch) > 0) {
      for (let i = 0; i < batch.count; i++) {
        const length = batch.length[i]!;
        const at = batch.payload[i]!;
        assert(length > 0 && length <= MAX_IP_PACKET);
        assert(at + length <= batch.view[i]!.byteLength);
        batch.view[i]!.getUint8(at + length - 1);
        qp.sourceGid(batch, i, gid);
      }
      qp.release(batch);
    }
  };
  return qp;
}

/**
 * The sending end of a link. The input has 4 bytes that are added to the head, 4 descriptors of 8 bytes, 3 writes of 8
 * bytes (word of the ring, value; word 0 stands for no write), then 160 bytes for each of four slots.
 */
export const ringDescriptorTarget: FuzzTarget = {
  name: "ring_descriptor",
  kind: "bytes",
  inputsPerSession: 2000,
  open(): FuzzSession {
    const subnet = new Subnet();
    const [port] = subnet.openAll(0x11n);
    const qp = reader(port!);
    let rogue: Rogue | undefined;
    let head = 0;
    const connect = () => {
      head = 0;
      rogue = subnet.rogue(port!, {}, ROGUE_SLOTS);
      subnet.until(() => {
        rogue!.look();
        return rogue!.accepted || rogue!.ended;
      });
    };
    return {
      run(input) {
        if (!rogue) connect();
        const bytes = new Uint8Array(60 + ROGUE_SLOTS * SLOT_BYTES);
        bytes.set(input.subarray(0, bytes.length));
        const view = viewOf(bytes);
        const { words } = rogue!;
        const before = port!.counters();
        for (let i = 0; i < ROGUE_SLOTS; i++) {
          const from = 60 + i * SLOT_BYTES;
          rogue!.bytes.set(bytes.subarray(from, from + SLOT_BYTES), i * STRIDE);
          // Half of the packets get valid headers.
          if (bytes[from + 74]! & 1) {
            writeValidHeaders(rogue!.view, i, rogue!.lid, port!, qp);
          }
          const at = DESCRIPTORS_AT + 2 * ((head + i) & 255);
          words[at] = view.getInt32(4 + 8 * i, true);
          words[at + 1] = view.getInt32(8 + 8 * i, true);
        }
        for (let i = 0; i < 3; i++) {
          const place = view.getUint32(36 + 8 * i, true);
          if (place !== 0) {
            words[place % words.length] = view.getInt32(40 + 8 * i, true);
          }
        }
        head = (head + view.getInt32(0, true)) | 0;
        Atomics.store(words, 0, head);
        subnet.reactor.turn(0);
        rogue!.look();
        if (rogue!.ended) {
          rogue![Symbol.dispose]();
          rogue = undefined;
        }
        return port!.counters().rcv_packets! > before.rcv_packets!;
      },
      close() {
        rogue?.[Symbol.dispose]();
        const events = subnet.ports[0]!.events;
        assertEquals(events.filter(({ type }) => type === "device_fatal"), []);
        subnet[Symbol.dispose]();
      },
    };
  },
};

/** Writes the header fields that the port checks to the packet in slot `slot`. */
function writeValidHeaders(
  view: DataView,
  slot: number,
  sourceLid: number,
  port: SoftPort,
  qp: UdQp,
): void {
  const base = slot * STRIDE;
  view.setUint8(base + 1, 2);
  view.setUint16(base + 2, port.attributes.lid);
  view.setUint16(base + 6, sourceLid);
  view.setUint8(base + 48, 0x64);
  view.setUint16(base + 50, 0xffff);
  view.setUint32(base + 52, qp.qpn);
  view.setUint32(base + 60, QKEY);
}

/**
 * The receiving end of a link. The input has a byte whose low three bits are the number of packets that the port sends
 * first, 4 bytes that are added to the head of returned slots, 8 returned slots of 2 bytes (with the top bit set a slot
 * number, else the index of a descriptor with the slot), and 3 writes of 8 bytes to the ring as above.
 */
export const ringReturnTarget: FuzzTarget = {
  name: "ring_return",
  kind: "bytes",
  inputsPerSession: 1000,
  open: () => new ReturningRogue(),
};

class ReturningRogue implements FuzzSession {
  readonly #subnet = new Subnet();
  readonly #port: SoftPort;
  readonly #qp: UdQp;
  readonly #lid: number;
  readonly #listener: Fd;
  #link:
    | { connection: Fd; ring: Mapping; words: Int32Array; fds: Fd[] }
    | undefined;
  #head = 0;

  constructor() {
    const [port, peer] = this.#subnet.openAll(0x11n, 0x12n);
    this.#port = port!;
    this.#lid = peer!.attributes.lid;
    // The manager still directs the port to the peer's socket path, where this class listens.
    const path = `${this.#subnet.directory}/port-0000000000000012.sock`;
    Deno.removeSync(path);
    this.#listener = listen(path);
    this.#qp = reader(port!);
  }

  run(input: Uint8Array): boolean {
    const bytes = new Uint8Array(45);
    bytes.set(input.subarray(0, bytes.length));
    const view = viewOf(bytes);
    this.#send(bytes[0]! & 7);
    this.#acceptLink();
    if (!this.#link) return false;
    const { words } = this.#link;
    for (let i = 0; i < 8; i++) {
      const slot = view.getUint16(5 + 2 * i);
      words[RETURNS_AT + ((this.#head + i) & 255)] = slot & 0x8000
        ? view.getInt16(5 + 2 * i)
        : words[DESCRIPTORS_AT + 2 * (slot & 255)]!;
    }
    for (let i = 0; i < 3; i++) {
      const place = view.getUint32(21 + 8 * i, true);
      if (place !== 0) {
        words[place % words.length] = view.getInt32(25 + 8 * i, true);
      }
    }
    this.#head = (this.#head + view.getInt32(1, true)) | 0;
    Atomics.store(words, RETURN_HEAD, this.#head);
    const pool = memoryOf(this.#port);
    const before = pool.free;
    pool.collect();
    this.#subnet.reactor.turn(0);
    assert(pool.free <= pool.slots);
    if (receive(this.#link.connection.number).type === "closed") this.#drop();
    return pool.free > before;
  }

  close(): void {
    this.#drop();
    this.#subnet.settle(5);
    const { free, slots } = memoryOf(this.#port);
    assertEquals(free, slots, "all slots are free");
    this.#listener.close();
    this.#subnet[Symbol.dispose]();
  }

  /** Sends up to `count` packets to the peer while slots are free. */
  #send(count: number): void {
    const pool = memoryOf(this.#port);
    const ah = this.#port.createAddressHandle({
      dlid: this.#lid,
      sl: 0,
      staticRate: 0,
    });
    for (let n = 0; n < count; n++) {
      const slot = pool.reserve();
      if (slot < 0) break;
      pool.bytes.fill(0, slot * STRIDE, slot * STRIDE + SLOT_BYTES);
      this.#qp.post(slot, 60, ah, 0x48, QKEY);
    }
    this.#port.flush();
  }

  /** Accepts the link that the port opens. */
  #acceptLink(): void {
    const connection = accept(this.#listener.number);
    if (!connection) return;
    this.#drop();
    const hello = receive(connection.number);
    if (hello.type !== "message") {
      connection.close();
      return;
    }
    const ring = new Mapping(hello.fds[1]!.number, RING_BYTES, "write");
    this.#link = {
      connection,
      ring,
      words: new Int32Array(ring.buffer),
      fds: hello.fds,
    };
    this.#head = 0;
    using bell = createEventFd();
    const answer = encodeLinkMessage({ version: LINK_VERSION });
    send(connection.number, answer, [bell.number]);
  }

  #drop(): void {
    const link = this.#link;
    this.#link = undefined;
    if (!link) return;
    link.connection.close();
    link.ring.unmap();
    for (const fd of link.fds) fd.close();
  }
}
