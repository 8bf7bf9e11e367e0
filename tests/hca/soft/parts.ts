/** Both ends of a link over real memory, without ports. */

import type { Millis } from "../../../src/base/units.ts";
import { InLink } from "../../../src/hca/soft/in_link.ts";
import { LinkBell } from "../../../src/hca/soft/link_bell.ts";
import { OutLink } from "../../../src/hca/soft/out_link.ts";
import { PendingList } from "../../../src/base/pending_list.ts";
import { PortCounters } from "../../../src/hca/soft/port_counters.ts";
import { RcSenders } from "../../../src/hca/soft/rc_senders.ts";
import {
  RING_BYTES,
  RingReceiver,
  RingSender,
} from "../../../src/hca/soft/ring.ts";
import { STRIDE } from "../../../src/hca/soft/slot_layout.ts";
import { SlotPool } from "../../../src/hca/soft/slot_pool.ts";
import type { Fd } from "../../../src/system/fd.ts";
import { createEventFd } from "../../../src/system/event_fd.ts";
import { FakeReactor } from "../../../src/system/fake_reactor.ts";
import { createMemory, Mapping } from "../../../src/system/memory.ts";
import { socketPair } from "../../../src/system/socket_pair.ts";

/** Both ends of a link from a pool, in one process. */
export class Pair implements Disposable {
  readonly out: OutLink;
  readonly in: InLink;
  /** The words of the ring page, for tests that corrupt it. */
  readonly words: Int32Array;
  readonly reactor = new FakeReactor();
  readonly written = new PendingList<OutLink>();
  readonly returns = new PendingList<InLink>();
  /** The receiver's end of the connection. */
  readonly connection: Fd;
  readonly #pool: SlotPool;

  constructor(pool: SlotPool, guid = "0x0000000000000001") {
    this.#pool = pool;
    using memory = createMemory("test-ring", RING_BYTES);
    const sender = new Mapping(memory.number, RING_BYTES, "write");
    const receiver = new Mapping(memory.number, RING_BYTES, "write");
    this.words = new Int32Array(sender.buffer);
    const ends = socketPair();
    this.connection = ends[1];
    const [outBell, inBell] = ends.map((end) => new LinkBell(end));
    this.out = new OutLink({
      guid,
      pool,
      ring: new RingSender(this.words),
      ringMapping: sender,
      connection: ends[0],
      bell: outBell!,
      written: this.written,
      connections: new RcSenders(pool, new PortCounters()),
    });
    this.in = new InLink({
      guid,
      pool: 0,
      slots: pool.slots,
      memory: new Mapping(pool.memory, pool.slots * STRIDE, "read"),
      ring: new RingReceiver(new Int32Array(receiver.buffer)),
      ringMapping: receiver,
      connection: ends[1],
      bell: inBell!,
      returns: this.returns,
    });
  }

  /** Gives each end the other's eventfd; returns their numbers. */
  exchangeBells(): { ofSender: number; ofReceiver: number } {
    const [ofSender, ofReceiver] = [createEventFd(), createEventFd()];
    this.out.bell.use(ofReceiver, this.reactor);
    this.in.bell.use(ofSender, this.reactor);
    return { ofSender: ofSender.number, ofReceiver: ofReceiver.number };
  }

  /** Reserves a slot and sends or queues it, as a port does. */
  send(now: Millis = 0): "sent" | "waits" | "refused" {
    const slot = this.#pool.reserve();
    if (slot < 0) throw new Error("no slot");
    if (this.out.hasCredit) {
      this.out.push(slot, 100);
      return "sent";
    }
    if (this.out.wait(slot, 100, now) === 0) return "waits";
    this.#pool.unref(slot);
    return "refused";
  }

  /** Publishes the sender's descriptors. */
  publish(): void {
    if (this.written.count > 0) this.written.take();
    this.out.publish();
  }

  /** Publishes the receiver's returns. */
  publishReturns(): void {
    if (this.returns.count > 0) this.returns.take();
    this.in.publishReturns();
  }

  /** Takes `count` packets at the receiver and returns their slots. */
  returnSlots(count: number): void {
    for (let i = 0; i < count; i++) {
      this.in.ring.take();
      this.in.giveBack(this.in.ring.slot);
    }
    this.publishReturns();
  }

  [Symbol.dispose](): void {
    this.out.close();
    this.in.close();
  }
}
