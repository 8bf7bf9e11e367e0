/**
 * The links of a port: those it opened to send, and those that peers opened to it.
 *
 * A link has one direction and a connection of its own on the receiver's socket, so that two ports that begin to
 * talk at the same moment do not have to agree on anything.
 */

import { Fd } from "../../system/fd.ts";
import { createMemory, Mapping, sealedSize } from "../../system/memory.ts";
import { removeFile } from "../../system/remove_file.ts";
import type { Reactor, Watch } from "../../system/reactor.ts";
import {
  accept,
  connect,
  listen,
  receive,
  type Received,
  send,
} from "../../system/unix_socket.ts";
import { InLink } from "./in_link.ts";
import {
  ACCEPT_FDS,
  decodeLinkMessage,
  encodeLinkMessage,
  HELLO_FDS,
  LINK_VERSION,
  LinkAcceptSchema,
  LinkHelloSchema,
} from "./link_hello.ts";
import { OutLink } from "./out_link.ts";
import { RING_BYTES, RingReceiver, RingSender } from "./ring.ts";
import { STRIDE } from "./slot_layout.ts";
import type { SlotPool } from "./slot_pool.ts";

/** How long a port whose socket did not answer is left alone. */
const CONNECT_RETRY_MS = 100;

/** What the table needs of its port. */
export interface LinkOwner {
  readonly reactor: Reactor;
  readonly pool: SlotPool;
  /** The port's eventfd. */
  readonly doorbell: Fd;
  /** Called before an incoming link's memory goes away. */
  onInLinkClosing(link: InLink): void;
  /** Called after an outgoing link has ended, with the packets that were lost. */
  onOutLinkClosed(link: OutLink, lost: number): void;
  onInLinkOpen(link: InLink): void;
}

/** See above. */
export class LinkTable {
  readonly incoming: InLink[] = [];
  readonly outgoing: OutLink[] = [];
  readonly #owner: LinkOwner;
  readonly #directory: string;
  readonly #byGuid = new Map<string, OutLink>();
  readonly #failedAt = new Map<string, number>();
  #guid = "";
  #listener: Fd | undefined;
  #listenWatch: Watch | undefined;

  constructor(owner: LinkOwner, directory: string) {
    this.#owner = owner;
    this.#directory = directory;
  }

  /** Where a port is found. */
  path(guid: string): string {
    return `${this.#directory}/port-${guid.slice(2)}.sock`;
  }

  /** Makes this port reachable as `guid`; a socket that a dead process left is replaced. */
  listen(guid: string): void {
    if (this.#guid === guid) return;
    this.#stopListening();
    this.#guid = guid;
    const path = this.path(guid);
    removeFile(path);
    const listener = listen(path);
    this.#listener = listener;
    this.#listenWatch = this.#owner.reactor.watch(listener.number, () => {
      for (;;) {
        const connection = accept(listener.number);
        if (!connection) return;
        this.#awaitHello(connection);
      }
    });
  }

  /** The link to a port, opened now if need be; undefined if the port does not answer. */
  to(guid: string): OutLink | undefined {
    const known = this.#byGuid.get(guid);
    if (known) return known;
    const { reactor, pool, doorbell } = this.#owner;
    const now = reactor.clock.now();
    if (now - (this.#failedAt.get(guid) ?? -Infinity) < CONNECT_RETRY_MS) {
      return undefined;
    }
    const connection = connect(this.path(guid));
    if (!connection) {
      this.#failedAt.set(guid, now);
      return undefined;
    }
    this.#failedAt.delete(guid);
    using memory = createMemory("ipoib-ring", RING_BYTES);
    const ringMapping = new Mapping(memory.number, RING_BYTES, "write");
    const link = new OutLink({
      guid,
      pool,
      ring: new RingSender(new Int32Array(ringMapping.buffer)),
      ringMapping,
      connection,
    });
    const hello = encodeLinkMessage({
      version: LINK_VERSION,
      guid: this.#guid,
      slots: pool.slots,
      stride: STRIDE,
    });
    send(connection.number, hello, [
      pool.readOnly.number,
      memory.number,
      doorbell.number,
    ]);
    link.watch = reactor.watch(
      connection.number,
      () => this.#onOutgoing(link, receive(connection.number)),
    );
    this.outgoing.push(link);
    this.#countOutgoing();
    this.#byGuid.set(guid, link);
    return link;
  }

  /** Ends an outgoing link and frees what the peer held. */
  closeOut(link: OutLink): void {
    const at = this.outgoing.indexOf(link);
    if (at < 0) return;
    this.outgoing.splice(at, 1);
    this.#countOutgoing();
    this.#byGuid.delete(link.guid);
    this.#owner.reactor.submit();
    this.#owner.onOutLinkClosed(link, link.close());
  }

  /** Ends an incoming link. */
  closeIn(link: InLink): void {
    const at = this.incoming.indexOf(link);
    if (at < 0) return;
    this.incoming.splice(at, 1);
    this.#owner.onInLinkClosing(link);
    this.#owner.reactor.submit();
    link.close();
  }

  close(): void {
    this.#stopListening();
    for (const link of [...this.outgoing]) this.closeOut(link);
    for (const link of [...this.incoming]) this.closeIn(link);
  }

  #countOutgoing(): void {
    const alone = this.outgoing.length === 1;
    for (const link of this.outgoing) link.alone = alone;
  }

  #stopListening(): void {
    if (!this.#listener) return;
    this.#listenWatch?.close();
    this.#listener.close();
    this.#listener = undefined;
    removeFile(this.path(this.#guid));
  }

  /** The peer's answer has its doorbell; anything else ends the link. */
  #onOutgoing(link: OutLink, received: Received): void {
    if (received.type === "empty") return;
    const doorbell = received.type === "message" && !link.doorbell
      ? doorbellOf(received)
      : undefined;
    if (doorbell) {
      link.doorbell = doorbell;
      link.publish(this.#owner.reactor);
    } else {
      this.closeOut(link);
    }
  }

  #awaitHello(connection: Fd): void {
    const watch = this.#owner.reactor.watch(connection.number, () => {
      const received = receive(connection.number);
      if (received.type === "empty") return;
      watch.close();
      const link = received.type === "message"
        ? this.#acceptHello(connection, received)
        : undefined;
      if (!link) connection.close();
    });
  }

  #acceptHello(
    connection: Fd,
    message: Received & { type: "message" },
  ): InLink | undefined {
    const hello = decodeLinkMessage(message.bytes, LinkHelloSchema);
    const [memory, ring, doorbell] = message.fds;
    if (
      !hello || hello.stride !== STRIDE || message.fds.length !== HELLO_FDS ||
      !safely(() =>
        sealedSize(memory!.number) === hello.slots * STRIDE &&
        sealedSize(ring!.number) === RING_BYTES
      )
    ) {
      for (const fd of message.fds) fd.close();
      return undefined;
    }
    using slotFd = memory!;
    using ringFd = ring!;
    const ringMapping = new Mapping(ringFd.number, RING_BYTES, "write");
    const link = new InLink({
      guid: hello.guid,
      slots: hello.slots,
      memory: new Mapping(slotFd.number, hello.slots * STRIDE, "read"),
      ring: new RingReceiver(new Int32Array(ringMapping.buffer)),
      ringMapping,
      doorbell: doorbell!,
      connection,
    });
    send(
      connection.number,
      encodeLinkMessage({ version: LINK_VERSION, guid: this.#guid }),
      [this.#owner.doorbell.number],
    );
    link.watch = this.#owner.reactor.watch(connection.number, () => {
      // The sender has nothing more to say: whatever comes is its end.
      const received = receive(connection.number);
      if (received.type === "empty") return;
      if (received.type === "message") {
        for (const fd of received.fds) fd.close();
      }
      this.closeIn(link);
    });
    this.incoming.push(link);
    this.#owner.onInLinkOpen(link);
    return link;
  }
}

function doorbellOf(message: Received & { type: "message" }): Fd | undefined {
  const answer = decodeLinkMessage(message.bytes, LinkAcceptSchema);
  if (answer && message.fds.length === ACCEPT_FDS) return message.fds[0];
  for (const fd of message.fds) fd.close();
  return undefined;
}

/** The result of `fn`, or undefined if what a peer sent made it fail. */
function safely<T>(fn: () => T): T | undefined {
  try {
    return fn();
  } catch {
    return undefined;
  }
}
