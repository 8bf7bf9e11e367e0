/**
 * The IPoIB interfaces of the kernel driver (ib_ipoib) in a network namespace, with port, P_Key and administrative
 * state.
 *
 * Port and P_Key are taken from the interface's addresses: the link-layer address ends with the port's GID, and the
 * broadcast address contains the P_Key in its MGID (RFC 4391 sections 4 and 9.1.1). sysfs is not read, because it may
 * show another namespace. The devices of this program have no link-layer address and are ignored.
 */

import type { Reactor, Watch } from "../system/reactor.ts";
import { GID_LENGTH, gidEquals } from "../wire/gid.ts";
import { mgidPkey } from "../wire/mgid.ts";
import { EventSocket, Group } from "./rtnetlink/event_socket.ts";
import {
  Iff,
  IFINFO_LENGTH,
  linkRequest,
  RTM_DELLINK,
  RTM_GETLINK,
  RTM_NEWLINK,
} from "./rtnetlink/link_message.ts";
import {
  Attributes,
  type NetlinkMessage,
  NLM_F_DUMP,
} from "./rtnetlink/message.ts";
import { RequestSocket } from "./rtnetlink/socket.ts";
import { ARPHRD_INFINIBAND } from "./tap/constants.ts";

const IFLA_ADDRESS = 1;
const IFLA_BROADCAST = 2;
const ADDRESS_LENGTH = 20;
const GID_OFFSET = ADDRESS_LENGTH - GID_LENGTH;

/** An interface of ib_ipoib. */
export interface IpoibLink {
  readonly ifindex: number;
  readonly up: boolean;
  /** GID of its port, 16 bytes. */
  readonly gid: Uint8Array;
  /** P_Key with the full-member bit. */
  readonly pkey: number;
}

/** Parses a link message. Returns undefined if the link is not an interface of ib_ipoib. */
export function parseIpoibLink(
  { type, body }: NetlinkMessage,
): IpoibLink | undefined {
  const isLink = (type === RTM_NEWLINK || type === RTM_DELLINK) &&
    body.byteLength >= IFINFO_LENGTH && body.getUint8(0) === 0;
  if (!isLink || body.getUint16(2, true) !== ARPHRD_INFINIBAND) {
    return undefined;
  }
  const attributes = new Attributes(body, IFINFO_LENGTH);
  const address = attributes.get(IFLA_ADDRESS);
  const broadcast = attributes.get(IFLA_BROADCAST);
  if (
    address?.byteLength !== ADDRESS_LENGTH ||
    broadcast?.byteLength !== ADDRESS_LENGTH
  ) return undefined;
  return {
    ifindex: body.getInt32(4, true),
    up: (body.getUint32(8, true) & Iff.Up) !== 0,
    gid: gidOf(address).slice(),
    pkey: mgidPkey(gidOf(broadcast)),
  };
}

/** Returns the GID in the last 16 bytes of a 20-byte link-layer address. */
function gidOf({ buffer, byteOffset }: DataView): Uint8Array {
  return new Uint8Array(buffer, byteOffset + GID_OFFSET, GID_LENGTH);
}

export interface IpoibLinksOptions {
  readonly reactor: Reactor;
  /** An open namespace, used during construction only; undefined for the thread's own. */
  readonly netns: number | undefined;
  /** Called for an interface that was up, if its port and P_Key no longer have an interface that is up. */
  readonly onDown: (link: IpoibLink) => void;
}

export class IpoibLinks {
  readonly #requests: RequestSocket;
  readonly #events: EventSocket;
  readonly #watch: Watch;
  readonly #onDown: (link: IpoibLink) => void;
  #links = new Map<number, IpoibLink>();

  /** Throws `E_NETLINK` and `E_NETNS`. */
  constructor({ reactor, netns, onDown }: IpoibLinksOptions) {
    using parts = new DisposableStack();
    this.#onDown = onDown;
    this.#events = parts.use(new EventSocket(netns));
    this.#events.join(Group.LINK);
    this.#requests = parts.use(new RequestSocket(netns));
    this.#links = this.#read();
    this.#watch = reactor.watch(this.#events.fd, () => this.#drain());
    parts.move();
  }

  /** Returns true if an interface is up on this port and P_Key (with the full-member bit). */
  isUp(gid: Uint8Array, pkey: number): boolean {
    for (const link of this.#links.values()) {
      if (link.up && link.pkey === pkey && gidEquals(link.gid, gid)) {
        return true;
      }
    }
    return false;
  }

  close(): void {
    this.#watch.close();
    this.#events.close();
    this.#requests.close();
  }

  #read(): Map<number, IpoibLink> {
    const links = this.#requests.dump(
      () => linkRequest(RTM_GETLINK, 0, 0, 0, NLM_F_DUMP),
      parseIpoibLink,
      "list network interfaces",
    );
    return new Map(links.map((link) => [link.ifindex, link]));
  }

  #drain(): void {
    const before = this.#links;
    this.#links = new Map(before);
    const outcome = this.#events.drain((message) => this.#apply(message));
    if (outcome === "overrun") this.#links = this.#read();
    for (const link of before.values()) {
      if (link.up && !this.isUp(link.gid, link.pkey)) this.#onDown(link);
    }
  }

  #apply(message: NetlinkMessage): void {
    const link = parseIpoibLink(message);
    if (!link) return;
    if (message.type === RTM_DELLINK) this.#links.delete(link.ifindex);
    else this.#links.set(link.ifindex, link);
  }
}
