/**
 * The use of multicast groups by an interface: the queue pair is attached to a group to receive from it, and an address
 * handle sends to it. Packets wait while there is no handle.
 */

import type { HcaPort } from "../../hca/hca.ts";
import type { UdQp } from "../../hca/ud_qp.ts";
import type { McMemberRecord } from "../../wire/sa/mc_member_record.ts";
import type { PacketSender } from "../packet_sender.ts";
import { WaitingEgress, type WaitingTable } from "../waiting_egress.ts";
import {
  GroupRoute,
  handleAttributes,
  type MulticastGroup,
} from "./multicast_group.ts";

/** Dependencies of {@linkcode GroupUse}. */
export interface GroupUseParts {
  readonly port: Pick<HcaPort, "attributes" | "createAddressHandle">;
  readonly sender: PacketSender;
  /** Queues the packets to groups without a handle. */
  readonly table: WaitingTable<Uint8Array>;
}

export class GroupUse {
  /** Queue pair to attach to the groups; undefined while the interface has none. */
  qp: UdQp | undefined;
  readonly #parts: GroupUseParts;

  constructor(parts: GroupUseParts) {
    this.#parts = parts;
  }

  /** Returns the egress of packets to a group that has no handle. */
  waiting(mgid: Uint8Array): WaitingEgress<Uint8Array> {
    return new WaitingEgress(this.#parts.table, mgid);
  }

  /**
   * Attaches the queue pair to the MLID of the record, unless the group is send-only, and creates the address handle. If
   * the MLID has changed, the queue pair is detached from the old one first: mlx4 and mlx5 know an attachment by its
   * MGID only, so that the end of the old one would end the new one too. Throws the error of the device.
   */
  begin(group: MulticastGroup, record: McMemberRecord): void {
    const before = group.record;
    if (before && before.mlid !== record.mlid) this.detach(group);
    group.record = record;
    if (!group.sendOnly && !group.attached) {
      this.qp?.attachMulticast(group.mgid, record.mlid);
      group.attached = true;
    }
    const old = group.ah;
    const { port, sender } = this.#parts;
    const ah = port.createAddressHandle(
      handleAttributes(group.mgid, record, port.attributes),
    );
    group.ah = ah;
    group.egress = new GroupRoute(sender, group, ah);
    old?.destroy();
  }

  /** Detaches the queue pair from a group, if it is attached. */
  detach(group: MulticastGroup): void {
    if (!group.attached || !group.record) return;
    this.qp?.detachMulticast(group.mgid, group.record.mlid);
    group.attached = false;
  }

  /** Destroys the handle of a group, if it has one. Packets to the group wait. */
  dropHandle(group: MulticastGroup): void {
    group.ah?.destroy();
    group.ah = undefined;
    group.egress = this.waiting(group.mgid);
  }
}
