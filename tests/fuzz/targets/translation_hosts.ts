/** Two hosts for the fuzz targets of translation, with packets from and to the first one. */

import { assert } from "@std/assert";
import type { PostedPacket } from "../../../src/hca/fake.ts";
import { DEFAULT_MAX_NEIGHBOURS } from "../../../src/ipoib/constants.ts";
import { encapWord } from "../../../src/wire/encap.ts";
import { FRAME_HEADER_LENGTH } from "../../../src/wire/ethernet.ts";
import { hosts } from "../../ipoib/neighbour/kernel_nd.ts";
import { muteKernel } from "../../ipoib/neighbour/kernel_arp.ts";
import { type Host, packetOf, QKEY } from "../../ipoib/rig.ts";
import { viewOf } from "../../wire/support.ts";
import { flushNeighbours } from "../../../src/ipoib/neighbour/user_changes.ts";

/** Number of inputs after which the clock advances by TURN_MS. */
const TURN = 8;
const TURN_MS = 300;
/** Two minutes, in which every pending request times out. */
const QUIET_MS = 120_000;

/** What became of an input. */
export interface Outcome {
  /** Packets that the first host posted. */
  readonly posted: readonly PostedPacket[];
  /** Packets that the kernels of the first and of the second host received. */
  readonly written: readonly Uint8Array[];
  readonly writtenToOther: readonly Uint8Array[];
  /** Packets that the first host dropped and counted. */
  readonly drops: number;
  /** Packets among them that were malformed. */
  readonly malformed: number;
  /** Packets that wait for an address, a path or a join, less those that waited before. */
  readonly queued: number;
  /** True if no packet waited before, so that all posted packets belong to the input. */
  readonly alone: boolean;
}

/** Hosts whose kernels do not reply: `a` is tested, `b` is its resolved neighbour fe80::b. */
export class TranslationHosts {
  readonly #hosts = hosts();
  readonly a = this.#hosts.a;
  readonly b = this.#hosts.b;
  /** ARP frames that the kernels of `a` and `b` received. */
  readonly #arps = [muteKernel(this.a), muteKernel(this.b)] as const;
  #count = 0;

  /** Advances the clock, and removes packets of earlier inputs that wait for an address. */
  prepare(): void {
    const { a } = this;
    if (++this.#count % TURN === 0) a.rig.advance(TURN_MS);
    if (waitingIn(a) === 0) return;
    flushNeighbours(a.link);
    a.rig.advance(TURN_MS);
  }

  /** Sends a packet from the kernel of `a`. */
  fromKernel(packet: Uint8Array, ethernet: Uint8Array): Outcome {
    const frame = new Uint8Array(FRAME_HEADER_LENGTH + packet.length);
    frame.set(ethernet, FRAME_HEADER_LENGTH - ethernet.length);
    frame.set(packet, FRAME_HEADER_LENGTH);
    return this.#run(() => this.a.netdev.inject(frame));
  }

  /** Sends a packet from `b` to `a`, or to the broadcast group. */
  fromLink(packet: Uint8Array, etherType: number, toAll: boolean): Outcome {
    const { a, b } = this;
    const record = toAll ? a.link.groups.broadcast?.record : undefined;
    const grh = record && {
      dgid: record.mgid,
      flowLabel: 0,
      hopLimit: 0,
      trafficClass: 0,
      sgidIndex: 0,
    };
    const dlid = record?.mlid ?? a.port.attributes.lid;
    return this.#run(() =>
      void b.port.inject({
        handle: { dlid, sl: 0, staticRate: 0, ...(grh && { grh }) },
        destQpn: a.link.qpn,
        sourceQpn: b.link.qpn,
        qkey: QKEY,
        encap: encapWord(etherType),
        payload: packet,
      })
    );
  }

  #run(send: () => void): Outcome {
    const { a, b } = this;
    for (const host of [a, b]) this.#clear(host);
    const drops = dropsOf(a);
    const malformed = malformedOf(a);
    const waiting = waitingIn(a);
    send();
    a.rig.settle();
    return {
      posted: a.posted(),
      written: this.#writtenTo(a, 0),
      writtenToOther: this.#writtenTo(b, 1),
      drops: dropsOf(a) - drops,
      malformed: malformedOf(a) - malformed,
      queued: waitingIn(a) - waiting,
      alone: waiting === 0,
    };
  }

  #writtenTo(host: Host, i: 0 | 1): Uint8Array[] {
    return [...host.received(), ...this.#arps[i].splice(0).map(packetOf)];
  }

  #clear(host: Host): void {
    host.received();
    host.posted();
    host.netdev.config.neighbours.changes.length = 0;
    for (const arps of this.#arps) arps.length = 0;
  }

  /** Asserts that tables are bounded, that no packet waits forever and that no slot is lost. */
  close(): void {
    const { a } = this;
    assert(a.link.neighbours.size <= DEFAULT_MAX_NEIGHBOURS);
    a.rig.advance(QUIET_MS);
    a.rig.check();
  }
}

function dropsOf(host: Host): number {
  const { totals } = host.link.statistics;
  return totals.get("tx_dropped") + totals.get("rx_dropped");
}

function malformedOf({ link }: Host): number {
  const { drops } = link.statistics;
  return drops.get("tx_malformed") + drops.get("rx_malformed");
}

/** Returns the number of packets that wait for an address, a path or a join. */
function waitingIn({ link }: Host): number {
  let count = 0;
  for (const { queue, peer } of link.neighbours.entries()) {
    count += queue.length + (peer?.queue.length ?? 0);
  }
  for (const { queue } of link.groups.entries()) count += queue.length;
  return count;
}

/** Returns the EtherType in the IPoIB header of a packet. */
export function typeOf({ encap }: PostedPacket): number {
  return encap >>> 16;
}

/** Returns an Ethernet header with this type and an invalid destination. */
export function ethernetHeader(type: number): Uint8Array {
  const header = new Uint8Array(14).fill(0x7e);
  viewOf(header).setUint16(12, type);
  return header;
}
