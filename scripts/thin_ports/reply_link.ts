/** The sending end of a link from a thin port: one slot, of which an ARP reply uses one page. */

import { SoftAddressHandle } from "../../src/hca/soft/address_handle.ts";
import {
  encodeLinkMessage,
  LINK_VERSION,
} from "../../src/hca/soft/link_hello.ts";
import { RING_BYTES, RingSender, Wake } from "../../src/hca/soft/ring.ts";
import { ENCAP, PAYLOAD, STRIDE } from "../../src/hca/soft/slot_layout.ts";
import { writePacketHeaders } from "../../src/hca/ud_headers.ts";
import { ENCAP_LENGTH } from "../../src/base/units.ts";
import type { Fd } from "../../src/system/fd.ts";
import { createMemory, Mapping } from "../../src/system/memory.ts";
import type { Reactor, Watch } from "../../src/system/reactor.ts";
import {
  connect,
  send,
  sendWake,
  takeWakes,
} from "../../src/system/unix_socket.ts";
import { type Arp, ARP_LENGTH, emitArp } from "../../src/wire/arp.ts";
import { encapWord, EtherType } from "../../src/wire/encap.ts";
import { DEFAULT_PKEY } from "./registration.ts";

const SLOTS = 1;
const WAKES = 16;

/** The sending port. */
export interface ReplySource {
  readonly guid: string;
  readonly lid: number;
  readonly gid: Uint8Array;
  readonly qpn: number;
  /** Token for links to the receiving port. */
  readonly token: string;
}

/** The destination of a reply. */
export interface ReplyTarget {
  readonly lid: number;
  readonly qpn: number;
  readonly qkey: number;
}

export class ReplyLink {
  readonly #source: ReplySource;
  readonly #connection: Fd;
  readonly #view: DataView;
  readonly #words: Int32Array;
  readonly #ring: RingSender;
  readonly #watch: Watch;
  #free = SLOTS;
  #psn = 0;

  /** Opens a link to the port with the socket `path`. Returns undefined if its queue of connections is full. */
  static open(
    reactor: Reactor,
    source: ReplySource,
    path: string,
  ): ReplyLink | undefined {
    const connection = connect(path);
    return connection && new ReplyLink(reactor, source, connection);
  }

  private constructor(reactor: Reactor, source: ReplySource, connection: Fd) {
    this.#source = source;
    this.#connection = connection;
    using memory = createMemory("thin-slot", SLOTS * STRIDE);
    using ring = createMemory("thin-ring", RING_BYTES);
    const slots = new Mapping(memory.number, SLOTS * STRIDE, "write");
    this.#view = new DataView(slots.buffer);
    this.#words = new Int32Array(slots.buffer);
    const { buffer } = new Mapping(ring.number, RING_BYTES, "write");
    this.#ring = new RingSender(new Int32Array(buffer));
    const { guid, token } = source;
    const hello = encodeLinkMessage({
      version: LINK_VERSION,
      ...{ guid, token, pkey: DEFAULT_PKEY, pool: 0 },
      ...{ slots: SLOTS, stride: STRIDE },
    });
    send(connection.number, hello, [memory.number, ring.number]);
    this.#watch = reactor.watch(connection.number, () => {
      if (takeWakes(connection.number, WAKES) < 0) this.#watch.close();
    });
  }

  /** Sends a reply. Returns false if the receiver has not returned the slot of the last one. */
  send(arp: Arp, { lid, qpn, qkey }: ReplyTarget): boolean {
    const ring = this.#ring;
    if (this.#free === 0 && ring.returns() > 0) {
      ring.takeReturn();
      this.#free++;
    }
    if (this.#free === 0) return false;
    this.#free--;
    const { gid, lid: slid, qpn: ownQpn } = this.#source;
    const handle = new SoftAddressHandle(
      { dlid: lid, sl: 0, staticRate: 0 },
      gid,
    );
    handle.copyTo(this.#words, 0);
    const view = this.#view;
    writePacketHeaders(
      ...[view, 0, ARP_LENGTH + ENCAP_LENGTH, slid, DEFAULT_PKEY] as const,
      ...[qpn, this.#psn++ & 0xffffff, qkey, ownQpn] as const,
    );
    view.setInt32(ENCAP, encapWord(EtherType.Arp));
    ring.push(0, emitArp(arp, view, PAYLOAD));
    ring.publish();
    if (ring.takeWake() !== Wake.None) sendWake(this.#connection.number);
    return true;
  }
}
