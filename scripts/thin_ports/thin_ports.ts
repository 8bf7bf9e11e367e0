/**
 * Thin ports: many ports of an embedded subnet in one process, which answer ARP requests of one other port and discard
 * all other packets.
 *
 * Each has its own GUID, LID, registration, socket and links, so that the other port, its neighbours and paths, and the
 * manager have as much work as with as many hosts. A thin port has no queue pairs, no forwarding tables, and one slot of
 * send memory. Only the first port is a member of the broadcast group, and passes requests on to the others: it takes
 * the place of the switch that would copy a broadcast to all ports. (The embedded HCA of a sender copies it itself, once
 * for each member.)
 */

import { LinkListener } from "../../src/hca/soft/link_listener.ts";
import {
  BTH,
  DETH,
  ENCAP,
  LRH,
  PAYLOAD,
  STRIDE,
} from "../../src/hca/soft/slot_layout.ts";
import { formatGuid } from "../../src/base/hex.ts";
import { isLinkToken, newLinkSecret } from "../../src/subnet/link_token.ts";
import type { Welcome } from "../../src/subnet/messages.ts";
import { portSocketPath } from "../../src/subnet/sockets.ts";
import type { Reactor, Timer } from "../../src/system/reactor.ts";
import { type Arp, ArpOperation, parseArp } from "../../src/wire/arp.ts";
import { EtherType } from "../../src/wire/encap.ts";
import { gidFrom } from "../../src/wire/gid.ts";
import { IncomingLink, SenderMemories } from "./incoming_link.ts";
import { Registration } from "./registration.ts";
import { ReplyLink, type ReplySource, type ReplyTarget } from "./reply_link.ts";

const QPN = 0x48;
/** Ports that register at the same time: fewer than the manager takes. */
const REGISTERING = 16;
/** Time after which a link is tried again whose connection did not fit the queue of the other port. */
const RETRY_MS = 5;

export interface ThinPortsOptions {
  readonly reactor: Reactor;
  /** Directory of the subnet. */
  readonly directory: string;
  /** GUID of the port that is answered. It must be registered already. */
  readonly peer: string;
  /** GUID of the first port; the others have the following ones. */
  readonly firstGuid: bigint;
  readonly count: number;
  /** IPv4 address of the first port; the others have the following ones. */
  readonly firstAddress: number;
  /** Called when all ports are registered. */
  readonly ready: () => void;
  readonly failed: (error: Error) => void;
}

/** A port, and its link to the peer after the first reply. */
interface ThinPort extends ReplySource {
  link: ReplyLink | undefined;
}

/** A reply whose link could not be opened. */
interface Unsent {
  readonly arp: Arp;
  readonly to: ReplyTarget;
}

export class ThinPorts {
  /** Received IP packets. */
  packets = 0;
  /** Sent ARP replies. */
  replies = 0;
  /** Replies that were not sent, because the slot of the last one was not returned. */
  busy = 0;
  /** Ports that have received an IP packet since {@linkcode restart}. */
  reached = 0;
  readonly #options: ThinPortsOptions;
  readonly #secret = newLinkSecret();
  readonly #memories = new SenderMemories();
  readonly #ports: ThinPort[] = [];
  readonly #reached: Uint8Array;
  readonly #unsent = new Map<number, Unsent>();
  readonly #retry: Timer;
  #started = 0;
  #registered = 0;

  constructor(options: ThinPortsOptions) {
    this.#options = options;
    this.#reached = new Uint8Array(options.count);
    this.#retry = options.reactor.timer(() => this.#sendUnsent());
    for (let i = 0; i < REGISTERING; i++) this.#registerNext();
  }

  /** Sets {@linkcode reached} to 0. */
  restart(): void {
    this.#reached.fill(0);
    this.reached = 0;
  }

  #registerNext(): void {
    const { reactor, directory, firstGuid, count, failed } = this.#options;
    const number = this.#started;
    if (number === count) return;
    this.#started++;
    const guid = formatGuid(firstGuid + BigInt(number));
    new Registration({
      reactor,
      directory,
      hello: { guid, name: `thin ${number}`, secret: this.#secret },
      joins: number === 0,
      registered: (welcome) => this.#onRegistered(number, welcome),
      failed,
    });
  }

  #onRegistered(number: number, welcome: Welcome): void {
    const { peer, count, ready, failed } = this.#options;
    const { guid, lid, subnetPrefix, fabric } = welcome;
    const { token } = fabric.ports.find((port) => port.guid === peer) ?? {};
    if (token === undefined) {
      return failed(new Error(`Port ${peer} is not among the first ports`));
    }
    const gid = gidFrom(BigInt(subnetPrefix), BigInt(guid));
    const port = { guid, lid, gid, qpn: QPN, token, link: undefined };
    this.#ports[number] = port;
    this.#listen(number, port);
    this.#registerNext();
    if (++this.#registered === count) ready();
  }

  #listen(number: number, { guid }: ThinPort): void {
    const { reactor, directory, peer, failed } = this.#options;
    const listener = new LinkListener({
      reactor,
      judge: (hello) =>
        hello.guid === peer && isLinkToken(hello.token, this.#secret, peer)
          ? "accepted"
          : "refused",
      take: (greeting) =>
        void new IncomingLink(
          reactor,
          greeting,
          this.#memories,
          (view, slot, length) => this.#onPacket(number, view, slot, length),
        ),
      refused: () => {},
      failed,
    });
    listener.listen(portSocketPath(directory, guid));
  }

  #onPacket(
    number: number,
    view: DataView,
    slot: number,
    length: number,
  ): void {
    const base = slot * STRIDE;
    const type = view.getUint16(base + ENCAP);
    if (type === EtherType.Arp) {
      const arp = parseArp(view, base + PAYLOAD, length);
      if (arp?.operation === ArpOperation.Request) {
        this.#onRequest(arp, view, base);
      }
    } else if (type === EtherType.Ipv4 && this.#isUnicast(view, base)) {
      this.packets++;
      if (this.#reached[number] === 0) this.reached++;
      this.#reached[number] = 1;
    }
  }

  #isUnicast(view: DataView, base: number): boolean {
    return (view.getUint32(base + BTH + 4) & 0xffffff) === QPN;
  }

  #onRequest(request: Arp, view: DataView, base: number): void {
    const { firstAddress, count } = this.#options;
    const { senderAddress, senderIp, targetIp } = request;
    const number = (targetIp - firstAddress) >>> 0;
    const port = this.#ports[number];
    if (number >= count || !port) return;
    this.#reply(number, {
      arp: {
        operation: ArpOperation.Reply,
        senderAddress: { flags: 0, qpn: QPN, gid: port.gid },
        senderIp: targetIp,
        targetAddress: senderAddress,
        targetIp: senderIp,
      },
      to: {
        lid: view.getUint16(base + LRH + 6),
        qpn: senderAddress.qpn,
        qkey: view.getInt32(base + DETH),
      },
    });
  }

  #reply(number: number, reply: Unsent): void {
    const { reactor, directory, peer } = this.#options;
    const port = this.#ports[number]!;
    const path = portSocketPath(directory, peer);
    port.link ??= ReplyLink.open(reactor, port, path);
    if (!port.link) {
      this.#unsent.set(number, reply);
      this.#retry.at(reactor.clock.now() + RETRY_MS);
    } else if (port.link.send(reply.arp, reply.to)) this.replies++;
    else this.busy++;
  }

  #sendUnsent(): void {
    const unsent = [...this.#unsent];
    this.#unsent.clear();
    for (const [number, reply] of unsent) this.#reply(number, reply);
  }
}
