/**
 * Receive: from the fabric to the kernel's stack. In the order in which a packet passes:
 *
 *  1. Poll: up to a batch of completions; the packets lie in the HCA's (or the sender's) memory.
 *  2. Echo: the port hears its own multicast; such copies are dropped (Linux ipoib_ib_handle_rx_wc behaviour). Where there are no
 *     LIDs (RoCE) the source GID tells whose queue pair it was.
 *  3. Type: IP goes on with its address family, what resolves addresses goes to the family's translator
 *     (neighbour/arp_translator.ts); everything else is counted and dropped.
 *  4. Headers: on the soft HCA the sender has written virtio header and Ethernet header, elsewhere they are composed.
 *  5. Write: the device takes the frame from where it lies. What became of it is counted when it is known.
 *  6. Release: the batch goes back to the HCA.
 *
 * Nothing here allocates for an IP packet.
 */

import type { Clock } from "../base/clock.ts";
import {
  type PortAttributes,
  type RxBatch,
  RxFlag,
  type UdQp,
} from "../hca/hca.ts";
import type { Netdev } from "../netdev/netdev.ts";
import { EtherType } from "../wire/encap.ts";
import { EthernetKind, FRAME_HEADER_LENGTH } from "../wire/ethernet.ts";
import { writeEthernetHeader } from "../wire/frame_header.ts";
import { GID_LENGTH, gidEquals } from "../wire/gid.ts";
import { VNET_HEADER_LENGTH, VnetFlag, VnetHeader } from "../wire/vnet.ts";
import type { AddressFamily, FamilyOnLink } from "./family/address_family.ts";
import type { Translator } from "./family/translator.ts";
import { refusal, Stat, type Statistics } from "./statistics.ts";

/** What a receiver works with. */
export interface ReceiverParts {
  readonly clock: Clock;
  readonly netdev: Netdev;
  /** For echoes: where packets of the own port come from. */
  readonly port: {
    readonly attributes: Pick<PortAttributes, "lid" | "gid">;
  };
  readonly statistics: Statistics;
  readonly families: readonly FamilyOnLink[];
}

export class Receiver {
  readonly #parts: ReceiverParts;
  readonly #netdev: Netdev;
  readonly #statistics: Statistics;
  readonly #totals: Float64Array;
  readonly #families: readonly FamilyOnLink[];
  readonly #vnet = new VnetHeader();
  readonly #sourceGid = new Uint8Array(GID_LENGTH);
  #qp: UdQp | undefined;
  #batch: RxBatch | undefined;

  constructor(parts: ReceiverParts) {
    this.#parts = parts;
    this.#netdev = parts.netdev;
    this.#statistics = parts.statistics;
    this.#totals = parts.statistics.totals.values;
    this.#families = parts.families;
  }

  /** Receives from `qp` from now on, or from nothing. */
  attach(qp: UdQp | undefined): void {
    this.#qp = qp;
    this.#batch = qp?.createBatch();
    if (qp) qp.onReceive = () => this.run();
  }

  /** Takes everything that has arrived. */
  run(): void {
    const qp = this.#qp;
    const batch = this.#batch;
    if (!qp || !batch) return;
    // 1. Poll
    while (qp.poll(batch) > 0) {
      for (let i = 0; i < batch.count; i++) this.#packet(qp, batch, i);
      // 6. Release
      qp.release(batch);
    }
  }

  #packet(qp: UdQp, batch: RxBatch, i: number): void {
    // 2. Echo
    const multicast = (batch.flags[i]! & RxFlag.Multicast) !== 0;
    if (
      multicast && batch.sourceQpn[i] === qp.qpn && this.#isOwn(qp, batch, i)
    ) {
      this.#statistics.echoes++;
      return;
    }
    // 3. Type
    const type = batch.encap[i]! >>> 16;
    const families = this.#families;
    for (let f = 0; f < families.length; f++) {
      const { family, translator } = families[f]!;
      const isIp = type === family.etherType;
      if (!isIp && type !== family.resolutionType) continue;
      if (isIp && !isResolution(family, batch, i)) {
        this.#ip(batch, i, multicast, family);
      } else this.#resolution(batch, i, translator);
      return;
    }
    this.#statistics.drop(
      type === EtherType.Ipv6 ? "rx_ipv6" : "rx_unknown_type",
    );
  }

  /** True if the packet came from this port. */
  #isOwn(qp: UdQp, batch: RxBatch, i: number): boolean {
    const { lid, gid } = this.#parts.port.attributes;
    if (lid !== 0) return batch.sourceLid[i] === lid;
    return qp.sourceGid(batch, i, this.#sourceGid) &&
      gidEquals(this.#sourceGid, gid);
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
      this.#malformed();
      return;
    }
    const toGroup = multicast && family.isToGroup(view, at);
    // 4. Headers
    if (batch.headersMissing) {
      const kind = !multicast
        ? EthernetKind.Host
        : toGroup
        ? EthernetKind.Multicast
        : EthernetKind.Broadcast;
      this.#compose(batch, i, kind, family.etherType);
    }
    // 5. Write
    this.#netdev.write(batch.vnetAddress[i]!, FRAME_HEADER_LENGTH + length);
    if (toGroup) this.#totals[Stat.Multicast]!++;
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
    if (batch.flags[i]! & RxFlag.ChecksumOk) {
      this.#vnet.flags = VnetFlag.DataValid;
    }
    writeEthernetHeader(view, base + VNET_HEADER_LENGTH, kind, etherType);
  }

  /** The device has taken so many frames of so many bytes. */
  written(frames: number, bytes: number): void {
    this.#totals[Stat.RxPackets]! += frames;
    this.#totals[Stat.RxBytes]! += bytes - frames * FRAME_HEADER_LENGTH;
  }

  /** The device has refused a frame. */
  refused(errno: number): void {
    this.#statistics.drop(refusal(errno));
  }

  #resolution(batch: RxBatch, i: number, translator: Translator): void {
    const length = batch.length[i]!;
    const dropped = translator.receive(
      batch.view[i]!,
      batch.payload[i]!,
      length,
      batch.sourceLid[i]!,
      this.#parts.clock.now(),
    );
    if (dropped) {
      if (dropped === "rx_malformed") this.#malformed();
      else this.#statistics.drop(dropped);
      return;
    }
    this.#totals[Stat.RxPackets]!++;
    this.#totals[Stat.RxBytes]! += length;
  }

  #malformed(): void {
    this.#statistics.drop("rx_malformed");
    this.#statistics.totals.add("rx_errors");
  }
}

function isResolution(
  family: AddressFamily,
  { view, payload, length }: RxBatch,
  i: number,
): boolean {
  return family.isResolution(view[i]!, payload[i]!, length[i]!);
}
