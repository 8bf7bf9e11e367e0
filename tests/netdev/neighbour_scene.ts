/** A TAP with kernel neighbours, and a mirror that reports them. */

import { assert, assertEquals } from "@std/assert";
import { ConfigMirror } from "../../src/netdev/rtnetlink/mirror.ts";
import type { KernelNeighbour } from "../../src/netdev/net_config.ts";
import {
  changeNeighbours,
  type NeighbourChange,
} from "../../src/netdev/rtnetlink/neighbour_set.ts";
import { addAddress } from "../../scripts/address.ts";
import { TestNamespace } from "./support.ts";
import { sendPacket, Tap } from "./tap_support.ts";
import { ipAddress } from "../wire/support.ts";

export const OWN = "10.0.0.1";
export const PEER = "10.0.0.9";
export const PEER6 = "fd00::9";

/** Changes an entry. Returns false if the entry, or IPv6 on the interface, does not exist. */
export function changes(
  { requests, ifindex }: Pick<Tap, "requests" | "ifindex">,
  change: NeighbourChange,
  address: string,
): boolean {
  const { gone, refused } = changeNeighbours(
    requests,
    ifindex,
    [ipAddress(address)],
    change,
  );
  assertEquals(refused, 0);
  return gone === 0;
}

/** A namespace with a TAP that has an address, and the mirror of its configuration. */
export class Scene implements Disposable {
  readonly netns = new TestNamespace();
  readonly tap = new Tap(this.netns, "ib0");
  readonly mirror: ConfigMirror;
  /** Received events, such as `10.0.0.9 REACHABLE` or `10.0.0.9 FAILED deleted`. */
  readonly events: string[] = [];
  readonly records: KernelNeighbour[] = [];
  lost = 0;

  constructor(receiveBuffer?: number) {
    addAddress(this.tap.requests, this.tap.ifindex, `${OWN}/16`);
    this.mirror = new ConfigMirror({
      reactor: this.netns.reactor,
      netns: this.netns.fd,
      ifindex: this.tap.ifindex,
      ...(receiveBuffer === undefined ? {} : { receiveBuffer }),
    });
    const { neighbours } = this.mirror;
    neighbours.onNeighbour((record, deleted) => {
      this.records.push(record);
      this.events.push(
        `${record.address} ${record.state}${deleted ? " deleted" : ""}`,
      );
    });
    neighbours.onLost(() => this.lost++);
  }

  /** Runs the loop, and returns and removes the received events. */
  take(): string[] {
    this.netns.settle();
    return this.events.splice(0);
  }

  /** Runs the loop until an event is received. Returns false after a timeout. */
  receives(event: string): boolean {
    return this.netns.until(() => this.events.includes(event));
  }

  /** Returns the state of an entry in a dump, or undefined if there is none. */
  state(address: string): string | undefined {
    const wanted = ipAddress(address);
    return this.mirror.neighbours.list().find((one) =>
      one.address.equals(wanted)
    )?.state;
  }

  /** Resolves the peer: sends a packet to it, and a reply from it. */
  resolve(peer = PEER): void {
    sendPacket(this.netns, peer);
    this.tap.arp(peer, OWN);
    assert(this.receives(`${peer} REACHABLE`), this.events.join());
    this.events.length = 0;
    this.tap.arps();
  }

  [Symbol.dispose](): void {
    this.mirror.close();
    this.tap[Symbol.dispose]();
    this.netns[Symbol.dispose]();
  }
}
