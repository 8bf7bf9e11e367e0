/** Where a packet goes: to the link of the port behind its LID, or to those of every port that receives its multicast LID. */

import { type PortAttributes, PostResult } from "../hca.ts";
import type { SoftAddressHandle } from "./address_handle.ts";
import type { Credit } from "./credit.ts";
import type { Fabric } from "./fabric.ts";
import type { FaultInjector } from "./faults.ts";
import type { Inbound } from "./inbound.ts";
import type { LinkTable } from "./link_table.ts";
import type { OutLink } from "./out_link.ts";
import {
  counterIndex,
  type PortCounterName,
  type PortCounters,
} from "./port_counters.ts";
import type { ReceiveQueue } from "./receive_queue.ts";
import type { SlotPool } from "./slot_pool.ts";

const XMIT_PACKETS = counterIndex("xmit_packets");
const MULTICAST_XMIT_PACKETS = counterIndex("multicast_xmit_packets");

/** What a port sends with. */
export interface OutboundParts {
  readonly pool: SlotPool;
  readonly counted: PortCounters;
  readonly links: LinkTable;
  readonly credit: Credit;
  readonly faults: FaultInjector<OutLink>;
  readonly inbound: Inbound;
  readonly fabric: Fabric;
  readonly port: { readonly attributes: Pick<PortAttributes, "lid"> };
}

export class Outbound {
  readonly #parts: OutboundParts;
  readonly #pool: SlotPool;
  readonly #counted: PortCounters;

  constructor(parts: OutboundParts) {
    this.#parts = parts;
    this.#pool = parts.pool;
    this.#counted = parts.counted;
  }

  /** Drops a packet before it reaches a link. */
  refuse(slot: number, why: PortCounterName, result: PostResult): PostResult {
    this.#counted.add(why);
    this.#pool.unref(slot);
    return result;
  }

  /** Sends to the port behind the handle's LID. */
  unicast(slot: number, length: number, ah: SoftAddressHandle): PostResult {
    let link = ah.link;
    if (!link?.open) {
      link = this.#linkTo(ah.dlid);
      ah.link = link;
      if (!link) {
        return this.refuse(slot, "xmit_unreachable", PostResult.Unreachable);
      }
    }
    const result = this.#push(link, slot, length, false);
    if (result !== PostResult.Sent) {
      return this.refuse(slot, "xmit_no_credit", result);
    }
    this.#counted.values[XMIT_PACKETS]!++;
    return result;
  }

  /** Sends to every port that receives the handle's MLID: one slot, a reference for each. */
  multicast(
    slot: number,
    length: number,
    ah: SoftAddressHandle,
    sender: ReceiveQueue,
  ): PostResult {
    const { fabric, inbound, port } = this.#parts;
    const members = fabric.members(ah.dlid);
    const own = port.attributes.lid;
    for (let i = 0; i < members.length; i++) {
      const lid = members[i]!;
      if (lid === own && !inbound.hasOtherListener(sender, ah.dlid)) continue;
      const link = this.#linkTo(lid);
      if (!link) continue;
      this.#pool.ref(slot);
      if (this.#push(link, slot, length, true) !== PostResult.Sent) {
        this.refuse(slot, "xmit_no_credit", PostResult.NoCredit);
      }
    }
    this.#pool.unref(slot);
    this.#counted.values[XMIT_PACKETS]!++;
    this.#counted.values[MULTICAST_XMIT_PACKETS]!++;
    return PostResult.Sent;
  }

  #push(
    link: OutLink,
    slot: number,
    length: number,
    multicast: boolean,
  ): PostResult {
    const { faults, credit } = this.#parts;
    return faults.on
      ? faults.push(link, slot, length, multicast)
      : credit.push(link, slot, length);
  }

  #linkTo(lid: number): OutLink | undefined {
    const { fabric, links } = this.#parts;
    const guid = fabric.guid(lid);
    return guid === undefined ? undefined : links.to(guid);
  }
}
