/**
 * The checks of the receiving HCA between the ring and a queue pair, after IBTA vol. 1 9.6.
 *
 * The order is: port state, length, headers; source LID, source GID and P_Key, which must be those that the subnet
 * manager assigned to the sending port; then destination LID and destination queue pair, or group membership; finally
 * P_Key and Q_Key of the queue pair. A packet that fails a check is dropped and counted by reason: a datagram silently, a
 * message of a connection with a NAK.
 */

import { PendingList } from "../../base/pending_list.ts";
import { CONNECTED_MESSAGE, ENCAP_LENGTH } from "../../base/units.ts";
import { gidEquals } from "../../wire/gid.ts";
import { GRH_DGID } from "../../wire/grh.ts";
import { MAX_IP_PACKET } from "../../wire/ipv4.ts";
import { segmentLength } from "../../wire/large_send.ts";
import { GSI_QPN } from "../../wire/mad.ts";
import { RC_SEND_ONLY, UD_SEND_ONLY } from "../../wire/transport_headers.ts";
import { FIRST_MLID, LinkNextHeader } from "../../wire/lrh.ts";
import type { InLink } from "./in_link.ts";
import {
  counterIndex,
  type PortCounterName,
  type PortCounters,
} from "./port_counters.ts";
import type { RcReceiver } from "./rc_receiver.ts";
import type { ReceiveQueue } from "./receive_queue.ts";
import { Nak } from "./ring.ts";
import { BTH, DETH, GRH, LRH, PAYLOAD, STRIDE, VNET } from "./slot_layout.ts";

const RCV_PACKETS = counterIndex("rcv_packets");
const MULTICAST_RCV_PACKETS = counterIndex("multicast_rcv_packets");
/** Offset of the lower half of the source GID. */
const SOURCE_GUID = GRH + 16;

/** The queue pairs attached to one group. */
interface Attachment {
  readonly mgid: Uint8Array;
  readonly qps: ReceiveQueue[];
}

/** The properties of the port that the checks use. */
export interface InboundPort {
  readonly attributes: {
    readonly state: string;
    readonly lid: number;
    readonly activeMtu: number;
  };
  readonly counted: PortCounters;
}

/** The queue pairs and group attachments of one port, and the checks of its received packets. */
export class Inbound {
  /** Called with each packet to QP1 that passes the port's checks; must return the slot. Set by the owner. */
  onMad: (link: InLink, slot: number, length: number) => void = (link, slot) =>
    this.#drop(link, slot, "bad_qpn", false);
  /** Every UD queue pair of the port. */
  readonly all: ReceiveQueue[] = [];
  /** The UD queue pairs that have received completions; those without unpolled ones may still be in the list. */
  readonly arrived = new PendingList<ReceiveQueue>();
  readonly #byQpn = new Map<number, ReceiveQueue>();
  readonly #connected = new Map<number, RcReceiver>();
  readonly #groups = new Map<number, Attachment[]>();
  readonly #port: InboundPort;

  constructor(port: InboundPort) {
    this.#port = port;
  }

  /** Delivers a packet to its queue pairs, or returns its slot to the sender. The caller has validated `slot`. */
  deliver(link: InLink, slot: number, length: number): void {
    const { view } = link;
    const base = slot * STRIDE;
    const lnh = view.getUint8(base + LRH + 1) & 3;
    const dlid = view.getUint16(base + LRH + 2);
    const opcode = view.getUint8(base + BTH);
    const connected = opcode === RC_SEND_ONLY;
    if (this.#port.attributes.state !== "active") {
      this.#drop(link, slot, "rcv_not_ready", connected);
    } else if (!this.#fits(view, base, length, connected)) {
      this.#drop(link, slot, "bad_length", connected);
    } else if (
      (lnh !== LinkNextHeader.IbaLocal && lnh !== LinkNextHeader.IbaGlobal) ||
      (opcode !== UD_SEND_ONLY && !connected)
    ) {
      this.#drop(link, slot, "bad_header", connected);
    } else if (view.getUint16(base + LRH + 6) !== link.lid) {
      this.#drop(link, slot, "bad_lid", connected);
    } else if (
      lnh === LinkNextHeader.IbaGlobal &&
      (view.getInt32(base + SOURCE_GUID) !== link.guidHigh ||
        view.getInt32(base + SOURCE_GUID + 4) !== link.guidLow)
    ) {
      this.#drop(link, slot, "bad_gid", connected);
    } else if (view.getUint16(base + BTH + 2) !== link.pkey) {
      this.#drop(link, slot, "rcv_constraint_errors", connected);
    } else if (connected) {
      this.#message(link, slot, length, dlid);
    } else if (dlid >= FIRST_MLID) {
      this.#multicast(
        link,
        slot,
        length,
        dlid,
        lnh === LinkNextHeader.IbaGlobal,
      );
    } else {
      this.#unicast(link, slot, length, dlid);
    }
  }

  /** Adds an RC queue pair. */
  addConnected(qp: RcReceiver): void {
    this.#connected.set(qp.qpn, qp);
  }

  /** Removes an RC queue pair. */
  forgetConnected(qp: RcReceiver): void {
    this.#connected.delete(qp.qpn);
  }

  /** True if a queue pair has this QPN. */
  has(qpn: number): boolean {
    return this.#byQpn.has(qpn) || this.#connected.has(qpn);
  }

  /** Drops the packets of a link that is about to end, and ends the connections whose messages it carries. */
  linkEnding(link: InLink): void {
    for (const { completions } of this.all) completions.purge(link);
    for (const qp of [...this.#connected.values()]) qp.linkEnded(link);
  }

  /** Adds a UD queue pair. */
  add(qp: ReceiveQueue): void {
    this.all.push(qp);
    this.#byQpn.set(qp.qpn, qp);
  }

  /** Attaches a queue pair to a multicast group; no effect if it is attached. */
  attach(qp: ReceiveQueue, mgid: Uint8Array, mlid: number): void {
    const groups = this.#groups.get(mlid) ?? [];
    this.#groups.set(mlid, groups);
    const group = groups.find((g) => gidEquals(g.mgid, mgid));
    if (!group) groups.push({ mgid: mgid.slice(), qps: [qp] });
    else if (!group.qps.includes(qp)) group.qps.push(qp);
  }

  /** Detaches a queue pair from a multicast group; no effect if it is not attached. */
  detach(qp: ReceiveQueue, mgid: Uint8Array, mlid: number): void {
    const groups = this.#groups.get(mlid);
    const group = groups?.find((g) => gidEquals(g.mgid, mgid));
    if (!groups || !group) return;
    remove(group.qps, qp);
    if (group.qps.length === 0) remove(groups, group);
    if (groups.length === 0) this.#groups.delete(mlid);
  }

  /** Removes a queue pair and its group attachments. */
  forget(qp: ReceiveQueue): void {
    this.#byQpn.delete(qp.qpn);
    remove(this.all, qp);
    this.arrived.remove(qp);
    for (const [mlid, groups] of [...this.#groups]) {
      for (const { mgid } of [...groups]) this.detach(qp, mgid, mlid);
    }
  }

  /** True if a queue pair of this port other than `qp` is attached to a group with this MLID. */
  hasOtherListener(qp: ReceiveQueue, mlid: number): boolean {
    const groups = this.#groups.get(mlid);
    if (!groups) return false;
    for (let i = 0; i < groups.length; i++) {
      const { qps } = groups[i]!;
      for (let k = 0; k < qps.length; k++) if (qps[k] !== qp) return true;
    }
    return false;
  }

  #fits(
    view: DataView,
    base: number,
    length: number,
    connected: boolean,
  ): boolean {
    if (length < 1 || length > MAX_IP_PACKET) return false;
    const mtu = connected ? CONNECTED_MESSAGE : this.#port.attributes.activeMtu;
    if (length + ENCAP_LENGTH <= mtu) return true;
    // Each segment of a large send must fit the MTU.
    const segment = segmentLength(view, base + VNET, base + PAYLOAD, length);
    return segment + ENCAP_LENGTH <= mtu;
  }

  /** Drops a packet: counts it under `why` and returns its slot, for a message of a connection with a NAK. */
  #drop(
    link: InLink,
    slot: number,
    why: PortCounterName,
    connected: boolean,
  ): void {
    this.#port.counted.add(why);
    link.giveBack(slot, connected ? Nak.Refused : Nak.None);
  }

  /** Passes a message to its RC queue pair. */
  #message(link: InLink, slot: number, length: number, dlid: number): void {
    const { counted, attributes } = this.#port;
    const qpn = link.view.getInt32(slot * STRIDE + BTH + 4) & 0xffffff;
    const qp = this.#connected.get(qpn);
    if (dlid !== attributes.lid) {
      return this.#drop(link, slot, "bad_lid", true);
    }
    if (!qp) return this.#drop(link, slot, "bad_qpn", true);
    const answer = qp.take(link, slot, length);
    if (answer === "taken") {
      this.arrived.add(qp.receiver);
      counted.values[RCV_PACKETS]!++;
      return;
    }
    counted.add(qp.why);
    link.giveBack(slot, answer);
  }

  #unicast(link: InLink, slot: number, length: number, dlid: number): void {
    const { counted, attributes } = this.#port;
    const qpn = link.view.getInt32(slot * STRIDE + BTH + 4) & 0xffffff;
    const qp = this.#byQpn.get(qpn);
    if (dlid !== attributes.lid) {
      this.#drop(link, slot, "bad_lid", false);
    } else if (qpn === GSI_QPN) {
      this.onMad(link, slot, length);
    } else if (!qp) {
      this.#drop(link, slot, "bad_qpn", false);
    } else if (this.#admit(qp, link, slot, length)) {
      counted.values[RCV_PACKETS]!++;
    } else {
      link.giveBack(slot);
    }
  }

  #multicast(
    link: InLink,
    slot: number,
    length: number,
    mlid: number,
    grh: boolean,
  ): void {
    const { counted } = this.#port;
    const groups = grh ? this.#groups.get(mlid) : undefined;
    let listeners = 0;
    let admitted = 0;
    for (let i = 0; groups && i < groups.length; i++) {
      const { mgid, qps } = groups[i]!;
      if (!gidEquals(link.bytes, mgid, slot * STRIDE + GRH + GRH_DGID)) {
        continue;
      }
      for (let k = 0; k < qps.length; k++) {
        listeners++;
        if (this.#admit(qps[k]!, link, slot, length)) admitted++;
      }
    }
    if (admitted) {
      counted.values[RCV_PACKETS]!++;
      counted.values[MULTICAST_RCV_PACKETS]!++;
    } else {
      if (!listeners) counted.add("multicast_filtered");
      link.giveBack(slot);
    }
  }

  #admit(
    qp: ReceiveQueue,
    link: InLink,
    slot: number,
    length: number,
  ): boolean {
    const { counted } = this.#port;
    const { view } = link;
    const base = slot * STRIDE;
    if (!qp.acceptsPkey(view.getUint16(base + BTH + 2))) {
      counted.add("pkey_violations");
      return false;
    }
    if (!qp.acceptsQkey(view.getInt32(base + DETH))) {
      counted.add("qkey_violations");
      return false;
    }
    if (!qp.completions.push(link, slot, length)) {
      counted.add("rcv_no_buffer");
      return false;
    }
    this.arrived.add(qp);
    return true;
  }
}

function remove<T>(list: T[], item: T): void {
  const at = list.indexOf(item);
  if (at >= 0) list.splice(at, 1);
}
