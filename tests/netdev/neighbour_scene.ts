/** A TAP with neighbours, and the mirror that tells of them. */

import { assert, assertEquals } from "@std/assert";
import { ConfigMirror } from "../../src/netdev/rtnetlink/mirror.ts";
import type { KernelNeighbour } from "../../src/netdev/netdev.ts";
import {
  changeNeighbours,
  type NeighbourChange,
} from "../../src/netdev/rtnetlink/neighbour_set.ts";
import { addAddress } from "../../scripts/address.ts";
import { IpAddress } from "../../src/wire/ip_address.ts";
import { Room } from "./support.ts";
import { sendPacket, Tap } from "./tap_support.ts";

export const OWN = "10.0.0.1";
export const PEER = "10.0.0.9";
export const PEER6 = "fd00::9";

export function parsed(text: string): IpAddress {
  const address = IpAddress.parse(text);
  assert(address, text);
  return address;
}

/** Changes one entry; false if it, or IPv6 on the interface, has gone. */
export function changes(
  { requests, ifindex }: Pick<Tap, "requests" | "ifindex">,
  what: NeighbourChange,
  address: string,
): boolean {
  const { gone, refused } = changeNeighbours(
    requests,
    ifindex,
    [parsed(address)],
    what,
  );
  assertEquals(refused, 0);
  return gone === 0;
}

/** A room with a TAP that has an address, and the mirror of its configuration. */
export class Scene implements Disposable {
  readonly room = new Room();
  readonly tap = new Tap(this.room, "ib0");
  readonly mirror: ConfigMirror;
  /** `10.0.0.9 REACHABLE`, `10.0.0.9 FAILED deleted` ... */
  readonly heard: string[] = [];
  readonly records: KernelNeighbour[] = [];
  lost = 0;

  constructor(receiveBuffer?: number) {
    addAddress(this.tap.requests, this.tap.ifindex, `${OWN}/16`);
    this.mirror = new ConfigMirror({
      reactor: this.room.reactor,
      netns: this.room.fd,
      ifindex: this.tap.ifindex,
      ...(receiveBuffer === undefined ? {} : { receiveBuffer }),
    });
    const { neighbours } = this.mirror;
    neighbours.onNeighbour((record, deleted) => {
      this.records.push(record);
      this.heard.push(
        `${record.address} ${record.state}${deleted ? " deleted" : ""}`,
      );
    });
    neighbours.onLost(() => this.lost++);
  }

  /** What the loop brings now. */
  take(): string[] {
    this.room.settle();
    return this.heard.splice(0);
  }

  hears(what: string): boolean {
    return this.room.until(() => this.heard.includes(what));
  }

  /** The state of an entry in a dump; undefined if there is none. */
  state(address: string): string | undefined {
    const wanted = parsed(address);
    return this.mirror.neighbours.list().find((one) =>
      one.address.equals(wanted)
    )?.state;
  }

  /** Resolves the peer by a packet to it and its reply. */
  resolve(peer = PEER): void {
    sendPacket(this.room, peer);
    this.tap.arp(peer, OWN);
    assert(this.hears(`${peer} REACHABLE`), this.heard.join());
    this.heard.length = 0;
    this.tap.arps();
  }

  [Symbol.dispose](): void {
    this.mirror.close();
    this.tap[Symbol.dispose]();
    this.room[Symbol.dispose]();
  }
}
