/**
 * The links that peers have opened to a port.
 *
 * A peer port may have one link for each memory that it sends from, at most {@linkcode MAX_LINKS_PER_PORT}. While more
 * than {@linkcode ALWAYS_ACTIVE} links are active, a link without packets for {@linkcode QUIET_TURNS} turns is parked:
 * the port does not poll its ring until the sender wakes it on the link's connection. The cost of a turn thus depends
 * on the number of links with traffic.
 */

import { IpoibError } from "../../base/errors.ts";
import { pkeysMatch } from "../../base/units.ts";
import { isLinkToken } from "../../subnet/link_token.ts";
import type { FabricPort } from "../../subnet/messages.ts";
import { Mapping, sealedSize } from "../../system/memory.ts";
import type { Reactor } from "../../system/reactor.ts";
import { send } from "../../system/unix_socket.ts";
import { InLink } from "./in_link.ts";
import { LinkBell } from "./link_bell.ts";
import {
  encodeLinkMessage,
  LINK_VERSION,
  type LinkHello,
} from "./link_hello.ts";
import { type Greeting, LinkListener, type Verdict } from "./link_listener.ts";
import type { PendingList } from "../../base/pending_list.ts";
import type { PortCounters } from "./port_counters.ts";
import { RING_BYTES, RingReceiver } from "./ring.ts";
import { STRIDE } from "./slot_layout.ts";

/** Maximum number of links from one peer port, which opens one link for each of its send memories. */
const MAX_LINKS_PER_PORT = 256;
/** Maximum number of links in total: each takes two mappings, up to two descriptors and some memory. */
const MAX_LINKS = 8192;
/** Number of active links up to which none is parked. */
const ALWAYS_ACTIVE = 16;
/** Number of turns without a packet after which a link is parked. */
const QUIET_TURNS = 256;

/** The port's objects and callbacks that its incoming links use. */
export interface IncomingLinksParts {
  readonly reactor: Reactor;
  readonly counted: PortCounters;
  /** The port's doorbell eventfd, which is passed to peers; undefined without doorbells. */
  readonly eventFd: number | undefined;
  /** The secret from which the tokens of links to the port are derived (subnet/link_token.ts). */
  readonly secret: string;
  /** Links with returned slots to publish. */
  readonly returns: PendingList<InLink>;
  /** Returns the port with this GUID from the forwarding tables. */
  readonly find: (guid: string) => FabricPort | undefined;
  /** Returns the port's own P_Key table. */
  readonly pkeys: () => readonly number[];
  /** Called before a link's memory is unmapped. */
  readonly closing: (link: InLink) => void;
  /** Called after a system call failed and the link or connection that it served was closed. */
  readonly failed: (error: IpoibError) => void;
}

/** The incoming links of one port, and the socket at which they are opened. */
export class IncomingLinks {
  /** The links whose rings the port polls in each turn. */
  readonly active: InLink[] = [];
  readonly #parts: IncomingLinksParts;
  readonly #listener: LinkListener;
  /** Links by port GUID, then by the number of the peer's send memory. */
  readonly #byGuid = new Map<string, Map<number, InLink>>();
  #count = 0;

  constructor(parts: IncomingLinksParts) {
    this.#parts = parts;
    this.#listener = new LinkListener({
      reactor: parts.reactor,
      judge: (hello) => this.#judge(hello),
      take: (greeting) => this.#take(greeting),
      refused: () => parts.counted.add("links_refused"),
      failed: parts.failed,
    });
  }

  /** Number of links, parked ones included. */
  get count(): number {
    return this.#count;
  }

  /** Accepts links at the socket `path`. Throws the errors of {@linkcode LinkListener.listen}. */
  listen(path: string): void {
    this.#listener.listen(path);
  }

  /**
   * Applies changed forwarding tables or P_Key tables: updates the LID and P_Key of each link, closes links whose peer
   * may no longer send in their partition, and checks waiting hellos again.
   */
  refresh(): void {
    for (const links of [...this.#byGuid.values()]) {
      for (const link of [...links.values()]) {
        if (!this.#identify(link)) this.close(link);
      }
    }
    this.#listener.judgeAgain();
  }

  /** Counts a turn without a packet, and parks the link if it is due. Returns false if the link stays active. */
  park(link: InLink): boolean {
    if (
      this.active.length <= ALWAYS_ACTIVE || ++link.quietTurns < QUIET_TURNS ||
      !link.idle
    ) return false;
    link.parked = true;
    link.ring.announceParked();
    if (link.ring.waiting() !== 0) {
      this.#unpark(link);
      return false;
    }
    this.#deactivate(link);
    return true;
  }

  /** Ends a link and unmaps the peer's memory. */
  close(link: InLink): void {
    if (!link.open) return;
    const links = this.#byGuid.get(link.guid)!;
    links.delete(link.pool);
    if (links.size === 0) this.#byGuid.delete(link.guid);
    this.#count--;
    this.#deactivate(link);
    this.#parts.closing(link);
    this.#parts.reactor.submit();
    link.close();
  }

  /** Closes the listening socket and all links. */
  closeAll(): void {
    this.#listener.close();
    for (const links of [...this.#byGuid.values()]) {
      for (const link of [...links.values()]) this.close(link);
    }
  }

  #judge({ guid, token, pkey, stride, pool }: LinkHello): Verdict {
    const { find, secret, pkeys } = this.#parts;
    if (stride !== STRIDE || !isLinkToken(token, secret, guid)) {
      return "refused";
    }
    const peer = find(guid);
    if (!peer) return "unknown";
    const may = peer.pkeys.includes(pkey) &&
      pkeys().some((own) => pkeysMatch(own, pkey));
    const links = this.#byGuid.get(guid);
    const full = this.#count >= MAX_LINKS ||
      (links !== undefined && links.size >= MAX_LINKS_PER_PORT &&
        !links.has(pool));
    return may && !full ? "accepted" : "refused";
  }

  #take({ hello, memory, ring, eventFd, connection }: Greeting): void {
    const { reactor, returns, eventFd: own } = this.#parts;
    using parts = new DisposableStack();
    using slotFd = memory;
    using ringFd = ring;
    const bell = parts.adopt(new LinkBell(connection), (each) => each.close());
    if (eventFd && !bell.use(eventFd, reactor)) {
      throw unusable(hello, "its doorbell is not an eventfd");
    }
    const bytes = hello.slots * STRIDE;
    if (
      sealedSize(slotFd.number) !== bytes ||
      sealedSize(ringFd.number) !== RING_BYTES
    ) throw unusable(hello, "its memory has the wrong size");
    const mapped = (fd: number, size: number, access: "read" | "write") =>
      parts.use(new Mapping(fd, size, access));
    const ringMapping = mapped(ringFd.number, RING_BYTES, "write");
    const link = new InLink({
      guid: hello.guid,
      pool: hello.pool,
      slots: hello.slots,
      memory: mapped(slotFd.number, bytes, "read"),
      ring: new RingReceiver(new Int32Array(ringMapping.buffer)),
      ringMapping,
      connection,
      bell,
      returns,
    });
    link.pkey = hello.pkey;
    link.watch = reactor.watch(
      connection.number,
      () => this.#onWake(link),
      { failed: (error) => this.#fail(link, error) },
    );
    const answer = encodeLinkMessage({ version: LINK_VERSION });
    if (!send(connection.number, answer, own === undefined ? [] : [own])) {
      link.watch.close();
      throw unusable(hello, "the answer cannot be sent");
    }
    parts.move();
    this.#add(link);
  }

  #add(link: InLink): void {
    const links = this.#byGuid.get(link.guid) ?? new Map<number, InLink>();
    // The peer has reconnected, and the hang-up of its old connection is not processed yet.
    const old = links.get(link.pool);
    if (old) this.close(old);
    links.set(link.pool, link);
    this.#byGuid.set(link.guid, links);
    this.#count++;
    this.active.push(link);
    if (!this.#identify(link)) this.close(link);
  }

  /** Updates the peer's LID and P_Key from the forwarding tables. Returns false if the peer may no longer send. */
  #identify(link: InLink): boolean {
    const peer = this.#parts.find(link.guid);
    // A port that is down, or not yet registered with a new manager, keeps its links.
    link.lid = peer?.lid ?? 0;
    if (!peer) return true;
    const partition = link.pkey & 0x7fff;
    const pkey = peer.pkeys.includes(link.pkey)
      ? link.pkey
      : peer.pkeys.find((each) => (each & 0x7fff) === partition) ?? 0;
    link.pkey = pkey;
    return pkey !== 0 &&
      this.#parts.pkeys().some((own) => pkeysMatch(own, pkey));
  }

  #onWake(link: InLink): void {
    if (!link.bell.take()) this.close(link);
    else if (link.parked) this.#unpark(link);
  }

  #unpark(link: InLink): void {
    link.parked = false;
    link.quietTurns = 0;
    link.ring.retractSleep();
    if (!this.active.includes(link)) this.active.push(link);
  }

  #deactivate(link: InLink): void {
    const at = this.active.indexOf(link);
    if (at < 0) return;
    const last = this.active.pop()!;
    if (last !== link) this.active[at] = last;
  }

  #fail(link: InLink, error: IpoibError): void {
    this.close(link);
    this.#parts.failed(error);
  }
}

function unusable({ guid }: LinkHello, why: string): IpoibError {
  return new IpoibError(
    "E_PEER_LINK",
    `Refused a link of port ${guid}: ${why}`,
  );
}
