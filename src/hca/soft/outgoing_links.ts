/** The links that a port has opened for one send memory: one to each peer that it has sent to. */

import { IpoibError } from "../../base/errors.ts";
import type { Millis } from "../../base/units.ts";
import type { FabricPort } from "../../subnet/messages.ts";
import { createMemory, Mapping } from "../../system/memory.ts";
import type { Reactor } from "../../system/reactor.ts";
import {
  connect,
  receive,
  type Received,
  send,
} from "../../system/unix_socket.ts";
import { LinkBell } from "./link_bell.ts";
import {
  decodeLinkMessage,
  encodeLinkMessage,
  LINK_VERSION,
  LinkAcceptSchema,
} from "./link_hello.ts";
import { OutLink } from "./out_link.ts";
import type { PendingList } from "../../base/pending_list.ts";
import type { RcSenders } from "./rc_senders.ts";
import { RING_BYTES, RingSender } from "./ring.ts";
import { STRIDE } from "./slot_layout.ts";
import type { SlotPool } from "./slot_pool.ts";

/** Time after a failed connection attempt during which the peer is not tried again. */
const CONNECT_RETRY_MS: Millis = 100;
/** Maximum number of recorded failures; all are discarded when it is reached. */
const MAX_FAILURES = 1024;

/** The port's objects and callbacks that its outgoing links use. */
export interface OutgoingLinksParts {
  readonly reactor: Reactor;
  readonly pool: SlotPool;
  /** The port's doorbell eventfd, which is passed to peers; undefined without doorbells. */
  readonly eventFd: number | undefined;
  /** Links with descriptors to publish. */
  readonly written: PendingList<OutLink>;
  /** The connections that send from the memory. */
  readonly connections: RcSenders;
  /** Returns the path of a port's socket. */
  readonly path: (guid: string) => string;
  /** Returns the port's own GUID. */
  readonly guid: () => string;
  /** Called after a link has ended, with the number of waiting packets that were lost. */
  readonly closed: (link: OutLink, lost: number) => void;
  /** Called after a peer has woken this port on the link's connection: it may have refused a message. */
  readonly woken: () => void;
  /** Called after a system call failed; its link has ended or was not opened. */
  readonly failed: (error: IpoibError) => void;
}

/** The outgoing links of one send memory. */
export class OutgoingLinks {
  readonly all: OutLink[] = [];
  readonly #parts: OutgoingLinksParts;
  readonly #byGuid = new Map<string, OutLink>();
  readonly #failedAt = new Map<string, Millis>();

  constructor(parts: OutgoingLinksParts) {
    this.#parts = parts;
  }

  /** Returns the open link to a port. */
  find(guid: string): OutLink | undefined {
    return this.#byGuid.get(guid);
  }

  /**
   * Opens a link to a port for packets with this P_Key. Returns undefined if the port cannot be reached, or could not
   * be within the last {@linkcode CONNECT_RETRY_MS}.
   */
  open({ guid, token }: FabricPort, pkey: number): OutLink | undefined {
    const { reactor, failed } = this.#parts;
    const now = reactor.clock.now();
    if (now - (this.#failedAt.get(guid) ?? -Infinity) < CONNECT_RETRY_MS) {
      return undefined;
    }
    try {
      const link = this.#connect(guid, token, pkey);
      if (link) {
        this.#failedAt.delete(guid);
        return link;
      }
    } catch (error) {
      failed(IpoibError.from(error));
    }
    if (this.#failedAt.size >= MAX_FAILURES) this.#failedAt.clear();
    this.#failedAt.set(guid, now);
    return undefined;
  }

  /** Ends a link and frees the slots that the peer held. */
  close(link: OutLink): void {
    const at = this.all.indexOf(link);
    if (at < 0) return;
    this.all.splice(at, 1);
    this.#byGuid.delete(link.guid);
    this.#count();
    this.#parts.reactor.submit();
    this.#parts.closed(link, link.close());
  }

  closeAll(): void {
    for (const link of [...this.all]) this.close(link);
  }

  #connect(guid: string, token: string, pkey: number): OutLink | undefined {
    const { reactor, pool, eventFd, path, written, connections } = this.#parts;
    const connection = connect(path(guid));
    if (!connection) return undefined;
    using parts = new DisposableStack();
    const bell = parts.adopt(new LinkBell(connection), (each) => each.close());
    using memory = createMemory("ipoib-ring", RING_BYTES);
    const ringMapping = parts.use(
      new Mapping(memory.number, RING_BYTES, "write"),
    );
    const link = new OutLink({
      guid,
      pool,
      ring: new RingSender(new Int32Array(ringMapping.buffer)),
      ringMapping,
      connection,
      bell,
      written,
      connections,
    });
    link.watch = parts.adopt(
      reactor.watch(
        connection.number,
        () => this.#onMessage(link),
        { failed: (error) => this.#fail(link, error) },
      ),
      (watch) => watch.close(),
    );
    const hello = encodeLinkMessage({
      version: LINK_VERSION,
      guid: this.#parts.guid(),
      token,
      pkey,
      pool: pool.number,
      slots: pool.slots,
      stride: STRIDE,
    });
    const fds = [pool.memory, memory.number];
    if (eventFd !== undefined) fds.push(eventFd);
    if (!send(connection.number, hello, fds)) return undefined;
    parts.move();
    this.all.push(link);
    this.#byGuid.set(guid, link);
    this.#count();
    return link;
  }

  #count(): void {
    const alone = this.all.length === 1;
    for (const link of this.all) link.setAlone(alone);
  }

  /** Reads the peer's answer, and wake-up bytes after it. */
  #onMessage(link: OutLink): void {
    if (link.accepted) {
      if (link.bell.take()) this.#parts.woken();
      else this.close(link);
      return;
    }
    const received = receive(link.connection.number);
    if (received.type === "empty") return;
    if (!this.#isAnswer(link, received)) return this.close(link);
    link.accepted = true;
  }

  #isAnswer(link: OutLink, received: Received): boolean {
    if (received.type !== "message") return false;
    const [eventFd, ...more] = received.fds;
    for (const fd of more) fd.close();
    if (eventFd && !link.bell.use(eventFd, this.#parts.reactor)) return false;
    return more.length === 0 &&
      decodeLinkMessage(received.bytes, LinkAcceptSchema) !== undefined;
  }

  #fail(link: OutLink, error: IpoibError): void {
    this.close(link);
    this.#parts.failed(error);
  }
}
