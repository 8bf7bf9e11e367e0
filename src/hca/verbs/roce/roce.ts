/**
 * IPoIB over an Ethernet port (RoCE): an extension of this program, for communication between nodes that run it. No
 * other implementation supports it: Linux ib_ipoib does not attach to such a port.
 *
 * Without a subnet manager, the port answers requests to the subnet administrator itself (administrator.ts). Without
 * LIDs, every packet has a GRH. Groups are joined as IPv6 multicast groups (groups.ts).
 */

import { getLogger } from "../../../base/log.ts";
import { ibMtuCode } from "../../../base/units.ts";
import type { Reactor } from "../../../system/reactor.ts";
import { formatGid } from "../../../wire/gid.ts";
import type { AddressHandleAttributes } from "../../address_handle.ts";
import type { PortAttributes } from "../../port_attributes.ts";
import type { VerbsCounters } from "../counters.ts";
import { rateCode } from "../../../base/rates.ts";
import { RoceGroups } from "./groups.ts";
import { findRoceLink, type RoceLink } from "./roce_netdev.ts";
import { RoceMadChannel } from "./mad_channel.ts";
import { KernelNeighbours } from "./neighbours.ts";

/** The members of the port that {@linkcode Roce} uses. */
export interface RoceContext {
  readonly reactor: Reactor;
  readonly attributes: PortAttributes;
  readonly counted: VerbsCounters;
}

/** The RoCE part of an Ethernet port. */
export class Roce {
  readonly mads: RoceMadChannel;
  readonly #device: string;
  readonly #port: number;
  readonly #groups = new RoceGroups();
  #link: RoceLink;

  /** Throws `E_ROCE_LINK` or `E_SOCKET`. Logs a warning if peers cannot resolve the GID of an active port. */
  constructor(context: RoceContext, device: string, port: number) {
    this.#device = device;
    this.#port = port;
    this.#link = findRoceLink(device, port);
    if (!this.#link.hasAddress && context.attributes.state === "active") {
      const { gid, netdev } = this.#link;
      getLogger(`${device}/${port}`).warn(
        `${netdev} does not have the IPv6 address ${
          formatGid(gid)
        }: other nodes cannot reach this one (enable IPv6 on ${netdev})`,
      );
    }
    this.mads = new RoceMadChannel(
      context.reactor,
      () => ({
        gid: context.attributes.gid,
        activeMtuCode: ibMtuCode(context.attributes.activeMtu)!,
        rateCode: rateCode(
          context.attributes.activeWidth * context.attributes.laneMbps / 1000,
        ),
        ifindex: this.#link.ifindex,
      }),
      new KernelNeighbours(),
      context.counted,
    );
  }

  /** Index of the port's own GID in its GID table. */
  get gidIndex(): number {
    return this.#link.gidIndex;
  }

  /** Finds the network device and the GID again, after the device was lost. Throws `E_ROCE_LINK`. */
  find(): void {
    this.#link = findRoceLink(this.#device, this.#port);
  }

  /** Updates the network device and the GID, which may have changed, after an event of the port. */
  refresh(): void {
    try {
      this.find();
    } catch {
      // The network device does not exist at present. Its return raises an event.
    }
  }

  /** Joins a group on the network device. Throws `E_ROCE_GROUP`. */
  join(mgid: Uint8Array): void {
    this.#groups.join(mgid, this.#link.ifindex);
  }

  /** Leaves a group. */
  leave(mgid: Uint8Array): void {
    this.#groups.leave(mgid);
  }

  close(): void {
    this.mads.close();
    this.#groups.close();
  }
}

/** Adapts address handle attributes to Ethernet, with the GID at `sgidIndex` as the source. */
export function overEthernet(
  { grh, ...attributes }: AddressHandleAttributes,
  sgidIndex: number,
): AddressHandleAttributes {
  return {
    ...attributes,
    // 0 is the port's own rate: Ethernet rates have no codes.
    staticRate: 0,
    ...(grh ? { grh: { ...grh, sgidIndex } } : {}),
  };
}
