/**
 * What a port on Ethernet (RoCE) has instead of a fabric: an extension of this program, with which its own nodes talk to one
 * another. Nothing else speaks IPoIB over Ethernet: Linux ib_ipoib never attaches to such a port.
 *
 * There is no subnet manager and no administrator (administrator.ts stands in), no LID, so that every packet has a GRH, and a group is
 * joined at the IP level (groups.ts).
 */

import { getLogger } from "../../../base/log.ts";
import { ibMtuCode } from "../../../base/units.ts";
import type { Reactor } from "../../../system/reactor.ts";
import { formatGid } from "../../../wire/gid.ts";
import type { AddressHandleAttributes, PortAttributes } from "../../hca.ts";
import type { VerbsCounters } from "../counters.ts";
import { rateCode } from "../../../base/rates.ts";
import { RoceGroups } from "./groups.ts";
import { findRoceLink, type RoceLink } from "./roce_netdev.ts";
import { RoceMadChannel } from "./mad_channel.ts";
import { KernelNeighbours } from "./neighbours.ts";

/** What it needs of the port. */
export interface RoceOwner {
  readonly reactor: Reactor;
  readonly attributes: PortAttributes;
  readonly counted: VerbsCounters;
}

export class Roce {
  readonly mads: RoceMadChannel;
  readonly #device: string;
  readonly #port: number;
  readonly #groups = new RoceGroups();
  #link: RoceLink;

  /** Throws `E_ROCE_LINK`, `E_SOCKET`. */
  constructor(owner: RoceOwner, device: string, port: number) {
    this.#device = device;
    this.#port = port;
    this.#link = findRoceLink(device, port);
    if (!this.#link.answers && owner.attributes.state === "active") {
      const { gid, netdev } = this.#link;
      getLogger(`${device}/${port}`).warn(
        `${netdev} has no IPv6 address ${
          formatGid(gid)
        }: other nodes will not find this one (enable IPv6 on ${netdev})`,
      );
    }
    this.mads = new RoceMadChannel(
      owner.reactor,
      () => ({
        gid: owner.attributes.gid,
        activeMtuCode: ibMtuCode(owner.attributes.activeMtu)!,
        rateCode: rateCode(
          owner.attributes.activeWidth * owner.attributes.laneMbps / 1000,
        ),
        ifindex: this.#link.ifindex,
      }),
      new KernelNeighbours(),
      owner.counted,
    );
  }

  /** Position of the port's own GID. */
  get gidIndex(): number {
    return this.#link.gidIndex;
  }

  /** Looks again, after an event of the port: the network device may have another address. */
  refresh(): void {
    try {
      this.#link = findRoceLink(this.#device, this.#port);
    } catch {
      // The network device is gone for now; its return is an event.
    }
  }

  /** Throws `E_ROCE_GROUP`. */
  join(mgid: Uint8Array): void {
    this.#groups.join(mgid, this.#link.ifindex);
  }

  leave(mgid: Uint8Array): void {
    this.#groups.leave(mgid);
  }

  close(): void {
    this.mads.close();
    this.#groups.close();
  }
}

/** An address handle's attributes as they are on Ethernet, from the GID at `sgidIndex`. */
export function overEthernet(
  { grh, ...attributes }: AddressHandleAttributes,
  sgidIndex: number,
): AddressHandleAttributes {
  return {
    ...attributes,
    // The port's own: rates of Ethernet have no codes.
    staticRate: 0,
    ...(grh ? { grh: { ...grh, sgidIndex } } : {}),
  };
}
