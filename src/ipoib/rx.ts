/**
 * Receive path from the fabric to the kernel's stack. Stages of a packet:
 *
 *  1. Poll: takes a batch of completions. The packets are in the HCA's memory or, on the soft HCA, in the sender's.
 *  2. Echo: drops copies of the interface's own multicast packets (as in Linux ipoib_ib_handle_rx_wc). They have the
 *     port's LID, the interface's QPN and the interface identifier of the port's GID, because functions of one device
 *     may share a LID. Without LIDs (RoCE) the whole GID is compared. All other packets are counted for their sender
 *     (senders.ts) and their group (multicast/received_groups.ts).
 *  3. Classify: selects by EtherType. IP packets continue with their address family, address resolution packets with
 *     its translator (neighbour/arp_translator.ts, nd_translator.ts). Other packets are dropped and counted.
 *  4. Headers: composes virtio and Ethernet headers, except on the soft HCA, where the sender wrote them.
 *  5. Coalesce: gathers consecutive packets of a flow in the batch into one frame (offload/coalescer.ts). Not for packets
 *     of the soft HCA, whose memory is the sender's and read-only, and which are not segmented on the way; nor for those
 *     of connections (as in Linux ipoib_cm_handle_rx_wc).
 *  6. Write: writes the frame to the device without copying it. rx_packets and rx_bytes count the frame when the device
 *     reports the write; `multicast` counts it immediately.
 *  7. Release: returns the batch to the HCA.
 *
 * Receiving an IP packet allocates nothing, but for the first packet to a group, and DHCP messages (UDP ports 67 and
 * 68), which are parsed.
 */

import type { Clock } from "../base/clock.ts";
import { hex } from "../base/hex.ts";
import { ENCAP_LENGTH } from "../base/units.ts";
import type { PortAttributes } from "../hca/port_attributes.ts";
import { type RxBatch, RxFlag } from "../hca/rx_batch.ts";
import type { UdQp } from "../hca/ud_qp.ts";
import type { Netdev } from "../netdev/netdev.ts";
import { EthernetKind, FRAME_HEADER_LENGTH } from "../wire/ethernet.ts";
import { writeEthernetHeader } from "../wire/frame_header.ts";
import { GID_LENGTH, gidEquals, interfaceIdEquals } from "../wire/gid.ts";
import { VNET_HEADER_LENGTH, VnetFlag, VnetHeader } from "../wire/vnet.ts";
import type { AddressFamily, FamilyOnLink } from "./family/address_family.ts";
import type { DhcpTranslator } from "./dhcp_translator.ts";
import type { DebugLog } from "./debug_log.ts";
import type { ReceiveSwitches } from "./features.ts";
import type { ReceivedGroups } from "./multicast/received_groups.ts";
import { Coalescer, type CoalescingSettings } from "./offload/coalescer.ts";
import type { ReceivedTraffic } from "./adaptive_moderation.ts";
import type { ModeratedReceiver } from "./moderation.ts";
import type { Senders } from "./senders.ts";
import { type Traffic, TrafficCount } from "./traffic.ts";
import {
  type DropReason,
  refusal,
  Stat,
  type Statistics,
} from "./statistics.ts";

/** Dependencies of a {@linkcode Receiver}. */
export interface ReceiverParts {
  readonly clock: Clock;
  readonly netdev: Netdev;
  /** The port, whose LID and GID identify echoes. */
  readonly port: {
    readonly attributes: Pick<PortAttributes, "lid" | "gid">;
  };
  readonly statistics: Statistics;
  readonly debug: DebugLog;
  readonly families: readonly FamilyOnLink[];
  readonly dhcp: DhcpTranslator;
  readonly senders: Senders;
  readonly groups: ReceivedGroups;
}

export class Receiver implements ReceiveSwitches, ModeratedReceiver {
  readonly #parts: ReceiverParts;
  readonly #netdev: Netdev;
  readonly #statistics: Statistics;
  readonly #totals: Float64Array;
  readonly #debug: DebugLog;
  readonly #families: readonly FamilyOnLink[];
  readonly #senders: Senders;
  readonly #groups: ReceivedGroups;
  readonly #coalescer: Coalescer;
  readonly #vnet = new VnetHeader();
  readonly #sourceGid = new Uint8Array(GID_LENGTH);
  #qp: UdQp | undefined;
  #batch: RxBatch | undefined;
  /** Time of the current turn. A typed array, because V8 allocates a fraction that is returned or passed. */
  readonly #now = new Float64Array(1);
  /** False while the link is ended: received packets are dropped. */
  open = false;
  /** See {@linkcode ReceiveSwitches}. */
  trustsChecksums = true;
  /** See {@linkcode ModeratedReceiver}. */
  onPackets: (() => void) | undefined = undefined;

  constructor(parts: ReceiverParts) {
    this.#parts = parts;
    this.#netdev = parts.netdev;
    this.#debug = parts.debug;
    this.#statistics = parts.statistics;
    this.#totals = parts.statistics.totals.values;
    this.#families = parts.families;
    this.#senders = parts.senders;
    this.#groups = parts.groups;
    this.#coalescer = new Coalescer(parts.netdev);
  }

  /** How received packets are coalesced. */
  get coalescing(): CoalescingSettings {
    return this.#coalescer;
  }

  get traffic(): ReceivedTraffic {
    const totals = this.#totals;
    return {
      events: totals[Stat.RxEvents]!,
      packets: totals[Stat.RxPackets]!,
      bytes: totals[Stat.RxBytes]!,
    };
  }

  /** Sets the queue pair to receive from, or none. */
  attach(qp: UdQp | undefined): void {
    this.#qp = qp;
    this.#batch = qp?.createBatch();
    if (qp) qp.onReceive = () => this.run();
  }

  /** Processes all completed receives. */
  run(): void {
    const qp = this.#qp;
    const batch = this.#batch;
    if (!qp || !batch) return;
    const totals = this.#totals;
    const received = totals[Stat.RxReceived]!;
    this.#now[0] = this.#parts.clock.now();
    // Stage 1, poll.
    while (qp.poll(batch) > 0) {
      totals[Stat.RxReceived]! += batch.count;
      if (this.#debug.packets) {
        for (let i = 0; i < batch.count; i++) this.#log(batch, i);
      }
      if (this.open) {
        for (let i = 0; i < batch.count; i++) this.#packet(qp, batch, i);
        this.#coalescer.flush();
      } else this.#dropAll(batch, "rx_device_down");
      // Stage 7, release.
      qp.release(batch);
    }
    if (totals[Stat.RxReceived] === received) return;
    totals[Stat.RxEvents]!++;
    if (this.onPackets) this.onPackets();
  }

  #log(batch: RxBatch, i: number): void {
    const bytes = batch.length[i]! + ENCAP_LENGTH;
    const lid = hex(batch.sourceLid[i]!);
    this.#debug.data(`received ${bytes} bytes, SLID ${lid}`);
  }

  #packet(qp: UdQp, batch: RxBatch, i: number): void {
    // Stage 2, echo.
    const multicast = (batch.flags[i]! & RxFlag.Multicast) !== 0;
    if (
      multicast && batch.sourceQpn[i] === qp.qpn && this.#isOwn(qp, batch, i)
    ) {
      this.#totals[Stat.RxEchoes]!++;
      return;
    }
    const length = batch.length[i]!;
    this.#count(this.#senders.of(qp, batch, i), length);
    if (multicast) this.#count(this.#groupOf(batch, i), length);
    // Stage 3, classify.
    const type = batch.encap[i]! >>> 16;
    const families = this.#families;
    for (let f = 0; f < families.length; f++) {
      const { family } = families[f]!;
      const isIp = type === family.etherType;
      if (!isIp && type !== family.resolutionType) continue;
      if (isIp && !isResolution(family, batch, i)) {
        this.#ip(batch, i, multicast, family);
      } else this.#resolution(batch, i, multicast, families[f]!);
      return;
    }
    this.#drop(batch, i, "rx_unknown_type");
  }

  /** Counts a received packet of `length` bytes. */
  #count(traffic: Traffic, length: number): void {
    traffic[TrafficCount.RxPackets]!++;
    traffic[TrafficCount.RxBytes]! += length;
    traffic[TrafficCount.SeenAt] = this.#now[0]!;
  }

  /** Returns the traffic of the group that a packet was sent to. */
  #groupOf({ encap, view, payload, length }: RxBatch, i: number): Traffic {
    const type = encap[i]! >>> 16;
    const families = this.#families;
    for (let f = 0; f < families.length; f++) {
      const { family } = families[f]!;
      if (family.etherType !== type) continue;
      const at = payload[i]!;
      if (!family.isPacket(view[i]!, at, length[i]!)) break;
      return this.#groups.of(family, view[i]!, at);
    }
    return this.#groups.broadcast;
  }

  /** True if this port sent the packet. */
  #isOwn(qp: UdQp, batch: RxBatch, i: number): boolean {
    const { lid, gid } = this.#parts.port.attributes;
    if (lid !== 0 && batch.sourceLid[i] !== lid) return false;
    const source = this.#sourceGid;
    if (!qp.sourceGid(batch, i, source)) return lid !== 0;
    return lid !== 0 ? interfaceIdEquals(source, gid) : gidEquals(source, gid);
  }

  #ip(
    batch: RxBatch,
    i: number,
    multicast: boolean,
    family: AddressFamily,
  ): void {
    const length = batch.length[i]!;
    const at = batch.payload[i]!;
    const view = batch.view[i]!;
    if (!family.isPacket(view, at, length)) {
      this.#malformed(batch, i);
      return;
    }
    const toGroup = multicast && family.isToGroup(view, at);
    if (family.isDhcp(view, at, length) && this.#dhcp(batch, i, multicast)) {
      return;
    }
    // Stage 4, headers.
    if (batch.headersMissing) {
      const kind = !multicast
        ? EthernetKind.Host
        : toGroup
        ? EthernetKind.Multicast
        : EthernetKind.Broadcast;
      this.#compose(batch, i, kind, family.etherType);
      if (!multicast && this.#coalesce(batch, i, family)) return;
    }
    // Stage 6, write.
    this.#netdev.write(batch.vnetAddress[i]!, FRAME_HEADER_LENGTH + length);
    if (toGroup) this.#totals[Stat.Multicast]!++;
  }

  /** Stage 5, coalesce. Returns false if the packet is not for the coalescer. */
  #coalesce(batch: RxBatch, i: number, { coalescing }: AddressFamily): boolean {
    const flags = batch.flags[i]!;
    if (coalescing === undefined || !this.#coalescer.enabled) return false;
    if ((flags & RxFlag.Connected) !== 0) {
      // A peer may have moved a flow to a connection.
      this.#coalescer.flush();
      return false;
    }
    this.#coalescer.add(
      coalescing,
      batch.view[i]!,
      batch.payload[i]!,
      batch.length[i]!,
      batch.vnetAddress[i]!,
      this.trustsChecksums && (flags & RxFlag.ChecksumOk) !== 0,
      batch.sum,
    );
    return true;
  }

  /** Passes a changed copy of a DHCP reply to the kernel; returns false if it needs no change. */
  #dhcp(batch: RxBatch, i: number, multicast: boolean): boolean {
    const view = batch.view[i]!;
    const length = batch.length[i]!;
    const kind = multicast ? EthernetKind.Broadcast : EthernetKind.Host;
    const { dhcp } = this.#parts;
    const frame = dhcp.toKernel(view, batch.payload[i]!, length, kind);
    if (!frame) return false;
    const written = this.#netdev.writeBytes(frame);
    if (written < 0) this.#drop(batch, i, refusal(-written));
    else {
      this.#totals[Stat.RxFrames]!++;
      this.#delivered(length);
    }
    return true;
  }

  #compose(
    batch: RxBatch,
    i: number,
    kind: EthernetKind,
    etherType: number,
  ): void {
    const view = batch.view[i]!;
    const base = batch.payload[i]! - FRAME_HEADER_LENGTH;
    this.#vnet.at(view, base).clear();
    if (this.trustsChecksums && batch.flags[i]! & RxFlag.ChecksumOk) {
      this.#vnet.flags = VnetFlag.DataValid;
    }
    writeEthernetHeader(view, base + VNET_HEADER_LENGTH, kind, etherType);
  }

  /** Counts frames that the device accepted, and their packets; `bytes` includes a frame header for each packet. */
  written(frames: number, bytes: number, packets: number): void {
    const totals = this.#totals;
    totals[Stat.RxFrames]! += frames;
    totals[Stat.RxCoalesced]! += packets - frames;
    totals[Stat.RxPackets]! += packets;
    totals[Stat.RxBytes]! += bytes - packets * FRAME_HEADER_LENGTH;
  }

  /** Counts the packets of a frame that the device rejected with a positive errno. */
  refused(errno: number, packets: number): void {
    this.#statistics.drop(refusal(errno), packets);
  }

  #resolution(
    batch: RxBatch,
    i: number,
    multicast: boolean,
    { family, translator }: FamilyOnLink,
  ): void {
    const length = batch.length[i]!;
    const at = batch.payload[i]!;
    const view = batch.view[i]!;
    const result = translator.receive(
      view,
      at,
      length,
      batch.sourceLid[i]!,
      multicast,
      this.#parts.clock.now(),
    );
    if (result === "rx_malformed") this.#malformed(batch, i);
    else if (result === undefined || result === "ignored") {
      this.#totals[result ? Stat.RxIgnored : Stat.RxFrames]!++;
      this.#delivered(length);
      const isIp = batch.encap[i]! >>> 16 === family.etherType;
      if (isIp && multicast && family.isToGroup(view, at)) {
        this.#totals[Stat.Multicast]!++;
      }
    } else this.#drop(batch, i, result);
  }

  /** Counts a packet that was written at once, or is not for the kernel. */
  #delivered(length: number): void {
    this.#totals[Stat.RxPackets]!++;
    this.#totals[Stat.RxBytes]! += length;
  }

  #malformed(batch: RxBatch, i: number): void {
    this.#drop(batch, i, "rx_malformed");
    this.#statistics.totals.add("rx_errors");
  }

  #dropAll(batch: RxBatch, reason: DropReason): void {
    for (let i = 0; i < batch.count; i++) this.#drop(batch, i, reason);
  }

  /** Counts packet `i` of the batch as dropped. */
  #drop(batch: RxBatch, i: number, reason: DropReason): void {
    this.#statistics.drop(reason);
    const { dropObservers } = this.#statistics;
    if (!dropObservers.active) return;
    const { encap, view, payload, length } = batch;
    dropObservers.received(
      reason,
      encap[i]!,
      view[i]!,
      payload[i]!,
      length[i]!,
    );
  }
}

function isResolution(
  family: AddressFamily,
  { view, payload, length }: RxBatch,
  i: number,
): boolean {
  return family.isResolution(view[i]!, payload[i]!, length[i]!);
}
