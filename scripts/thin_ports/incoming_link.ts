/** The receiving end of a link to a thin port: takes the packets and returns their slots at once. */

import {
  encodeLinkMessage,
  LINK_VERSION,
} from "../../src/hca/soft/link_hello.ts";
import type { Greeting } from "../../src/hca/soft/link_listener.ts";
import { RING_BYTES, RingReceiver, Wake } from "../../src/hca/soft/ring.ts";
import type { Fd } from "../../src/system/fd.ts";
import { Mapping, sealedSize, statFd } from "../../src/system/memory.ts";
import type { Reactor, Watch } from "../../src/system/reactor.ts";
import { send, sendWake, takeWakes } from "../../src/system/unix_socket.ts";

const WAKES = 16;

/** The memory of the sender, which all thin ports of the process map once. */
export class SenderMemories {
  readonly #views = new Map<bigint, DataView>();

  /** Returns a view of the memory, and closes its descriptor. */
  map(memory: Fd): DataView {
    using fd = memory;
    const { inode } = statFd(fd.number);
    let view = this.#views.get(inode);
    if (!view) {
      const mapping = new Mapping(fd.number, sealedSize(fd.number), "read");
      view = new DataView(mapping.buffer);
      this.#views.set(inode, view);
    }
    return view;
  }
}

export class IncomingLink {
  readonly #view: DataView;
  readonly #connection: Fd;
  readonly #mapping: Mapping;
  readonly #ring: RingReceiver;
  readonly #watch: Watch;
  readonly #deliver: (view: DataView, slot: number, length: number) => void;

  /** @param deliver called with each packet, during which its slot is valid */
  constructor(
    reactor: Reactor,
    { memory, ring, eventFd, connection }: Greeting,
    memories: SenderMemories,
    deliver: (view: DataView, slot: number, length: number) => void,
  ) {
    using ringFd = ring;
    // The sender is woken on the connection.
    eventFd?.close();
    this.#view = memories.map(memory);
    this.#connection = connection;
    this.#deliver = deliver;
    this.#mapping = new Mapping(ringFd.number, RING_BYTES, "write");
    this.#ring = new RingReceiver(new Int32Array(this.#mapping.buffer));
    send(connection.number, encodeLinkMessage({ version: LINK_VERSION }));
    this.#watch = reactor.watch(connection.number, () => this.#onWake());
    this.#drain();
  }

  close(): void {
    this.#watch.close();
    this.#connection.close();
    this.#mapping.unmap();
  }

  #onWake(): void {
    if (takeWakes(this.#connection.number, WAKES) < 0) this.close();
    else this.#drain();
  }

  /** Takes all packets, and requests a wake-up for the next one. */
  #drain(): void {
    const ring = this.#ring;
    for (;;) {
      ring.retractSleep();
      for (let left = ring.waiting(); left > 0; left--) {
        ring.take();
        this.#deliver(this.#view, ring.slot, ring.length);
        ring.giveBack(ring.slot);
      }
      ring.publishReturns();
      if (ring.takeWake() !== Wake.None) sendWake(this.#connection.number);
      ring.announceParked();
      if (ring.waiting() === 0) return;
    }
  }
}
