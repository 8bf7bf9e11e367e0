/** One neighbour: an IPv4 address on the link, the link-layer address behind it, and the way there. */

import type { Millis } from "../../base/units.ts";
import type { AddressHandle } from "../../hca/hca.ts";
import type { LinkAddress } from "../../wire/link_address.ts";
import { MAX_NEIGHBOUR_QUEUE } from "../constants.ts";
import { PacketQueue } from "../packet_queue.ts";
import type { Path } from "../path.ts";
import { newNud, type Nud } from "./nud.ts";

export class Neighbour {
  /** IPv4 address as a signed word. */
  readonly address: number;
  readonly nud: Nud = newNud();
  readonly queue = new PacketQueue(MAX_NEIGHBOUR_QUEUE);
  lladdr: LinkAddress | undefined;
  path: Path | undefined;
  /** True while a path is being asked for. */
  asking = false;
  /** Present while packets can go: the data path looks at nothing else. */
  ah: AddressHandle | undefined;
  qpn = 0;
  // Initialised as numbers: a field that began as undefined would hold an allocated number at each assignment.
  createdAt: Millis = 0;
  usedAt: Millis = 0;
  confirmedAt: Millis = -Infinity;
  updatedAt: Millis = 0;

  constructor(address: number, now: Millis) {
    this.address = address;
    this.createdAt = now;
    this.usedAt = now;
    this.updatedAt = now;
  }
}
