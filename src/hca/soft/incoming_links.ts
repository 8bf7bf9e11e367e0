/**
 * The links that peers have opened to a port.
 *
 * A port with a GUID may have one link for each memory that it sends from, {@linkcode MAX_LINKS_PER_PORT} at most. A link without packets
 * for {@linkcode QUIET_TURNS} turns is parked where there are many: the port does not look at its ring until its sender wakes it by the
 * link's connection, so that a turn costs what the links with traffic cost.
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
import type { PendingList } from "./pending_list.ts";
import type { PortCounters } from "./port_counters.ts";
import { RING_BYTES, RingReceiver } from "./ring.ts";
import { STRIDE } from "./slot_layout.ts";

/** Links of one peer port: it has an interface for each partition at most, and others on the same ones. */
const MAX_LINKS_PER_PORT = 256;
/** All links: a map, two descriptors and some memory each. */
const MAX_LINKS = 8192;
/** Links that the port always looks at. */
const ALWAYS_ACTIVE = 16;
/** Turns without a packet after which a link is parked. */
const QUIET_TURNS = 256;

export interface IncomingLinksParts {
  readonly reactor: Reactor;
  readonly counted: PortCounters;
  /** The port's eventfd, for its peers. */
  readonly eventFd: number | undefined;
  /** The secret of which the tokens of links to the port are made. */
  readonly secret: string;
  readonly returns: PendingList<InLink>;
  /** The port with this GUID as the subnet manager tells of it. */
  readonly find: (guid: string) => FabricPort | undefined;
  /** The port's own P_Key table. */
  readonly pkeys: () => readonly number[];
  /** Called before a link's memory goes away. */
  readonly closing: (link: InLink) => void;
  /** A call failed: the link or connection that it was for has ended. */
  readonly failed: (error: IpoibError) => void;
}

export class IncomingLinks {
  /** Those whose rings the port looks at in each turn. */
  readonly active: InLink[] = [];
  readonly #parts: IncomingLinksParts;
  readonly #listener: LinkListener;
  /** By GUID, and then by the number of the peer's memory. */
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

  /** How many links there are. */
  get count(): number {
    return this.#count;
  }

  /** Makes the port reachable at `path`. */
  listen(path: string): void {
    this.#listener.listen(path);
  }

  /** Ports, LIDs or partitions have changed: links follow, and end with the partition that they were for. */
  refresh(): void {
    for (const links of [...this.#byGuid.values()]) {
      for (const link of [...links.values()]) {
        if (!this.#identify(link)) this.close(link);
      }
    }
    this.#listener.judgeAgain();
  }

  /** Stops looking at a link that is silent, if there are many; false if it stays active. */
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

  /** Ends a link. */
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
      throw unusable("its doorbell is no eventfd");
    }
    const bytes = hello.slots * STRIDE;
    if (
      sealedSize(slotFd.number) !== bytes ||
      sealedSize(ringFd.number) !== RING_BYTES
    ) throw unusable("its memory has another size");
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
      throw unusable("its connection takes no answer");
    }
    parts.move();
    this.#add(link);
  }

  #add(link: InLink): void {
    const links = this.#byGuid.get(link.guid) ?? new Map<number, InLink>();
    // The peer has begun anew, and the end of its old connection has not been seen yet.
    const old = links.get(link.pool);
    if (old) this.close(old);
    links.set(link.pool, link);
    this.#byGuid.set(link.guid, links);
    this.#count++;
    this.active.push(link);
    if (!this.#identify(link)) this.close(link);
  }

  /** Takes the peer's LID and P_Key from the subnet manager's tables; false if it may not send any more. */
  #identify(link: InLink): boolean {
    const peer = this.#parts.find(link.guid);
    // A port that is down, or on its way to a new manager, keeps its links.
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

function unusable(why: string): IpoibError {
  return new IpoibError("E_PEER_LINK", `Link of a peer is refused: ${why}`);
}
