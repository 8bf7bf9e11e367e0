/**
 * Receive: from the fabric to the kernel's stack. In the order in which a packet passes:
 *
 *  1. Poll: up to a batch of completions; the packets lie in the HCA's (or the sender's) memory.
 *  2. Echo: the port hears its own multicast; such copies are dropped (Linux ipoib_ib_handle_rx_wc behaviour). Where there are no
 *     LIDs (RoCE) the source GID tells whose queue pair it was.
 *  3. Type: IPv4 goes on; ARP is the engine's own; IPv6 and everything else is counted and dropped.
 *  4. Write: the TUN takes the frame from where it lies, virtio header first.
 *  5. Release: the batch goes back to the HCA.
 *
 * Nothing here allocates for an IPv4 packet.
 */

import type { Clock } from "../base/clock.ts";
import type { Millis } from "../base/units.ts";
import {
  type PortAttributes,
  type RxBatch,
  RxFlag,
  type UdQp,
} from "../hca/hca.ts";
import type { Netdev } from "../netdev/netdev.ts";
import { EtherType } from "../wire/encap.ts";
import { ETHERNET_HEADER_LENGTH } from "../wire/ethernet.ts";
import { GID_LENGTH, gidEquals } from "../wire/gid.ts";
import { IPV4_HEADER_LENGTH, Ipv4Field } from "../wire/ipv4.ts";
import { VNET_HEADER_LENGTH, VnetFlag, VnetHeader } from "../wire/vnet.ts";
import { Stat, type Statistics } from "./statistics.ts";

/** The device's frames have no Ethernet header yet. */
const NO_ETHERNET_HEADER = BigInt(ETHERNET_HEADER_LENGTH);
const EIO = 5;
const CLASS_D = 0xe;

/** Takes ARP; false if it is malformed. */
export type ArpReceiver = (
  view: DataView,
  base: number,
  length: number,
  sourceLid: number,
  now: Millis,
) => boolean;

/** Where packets of the own port come from. */
export interface AddressedPort {
  readonly attributes: Pick<PortAttributes, "lid" | "gid">;
}

export class Receiver {
  readonly #clock: Clock;
  readonly #netdev: Netdev;
  readonly #statistics: Statistics;
  readonly #totals: Float64Array;
  readonly #onArp: ArpReceiver;
  #qp: UdQp | undefined;
  #batch: RxBatch | undefined;
  /** The port, for echoes. */
  port: AddressedPort | undefined;
  readonly #vnet = new VnetHeader();
  readonly #sourceGid = new Uint8Array(GID_LENGTH);

  constructor(
    clock: Clock,
    netdev: Netdev,
    statistics: Statistics,
    onArp: ArpReceiver,
  ) {
    this.#clock = clock;
    this.#netdev = netdev;
    this.#statistics = statistics;
    this.#totals = statistics.totals.values;
    this.#onArp = onArp;
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
      // 5. Release
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
    switch (batch.encap[i]! >>> 16) {
      case EtherType.Ipv4:
        this.#ipv4(batch, i, multicast);
        return;
      case EtherType.Arp:
        this.#arp(batch, i);
        return;
      case EtherType.Ipv6:
        this.#statistics.drop("rx_ipv6");
        return;
      default:
        this.#statistics.drop("rx_unknown_type");
    }
  }

  /** True if the packet came from this port. */
  #isOwn(qp: UdQp, batch: RxBatch, i: number): boolean {
    if (!this.port) return false;
    const { lid, gid } = this.port.attributes;
    if (lid !== 0) return batch.sourceLid[i] === lid;
    return qp.sourceGid(batch, i, this.#sourceGid) &&
      gidEquals(this.#sourceGid, gid);
  }

  /** 4. Write */
  #ipv4(batch: RxBatch, i: number, multicast: boolean): void {
    const length = batch.length[i]!;
    const at = batch.payload[i]!;
    const view = batch.view[i]!;
    if (length < IPV4_HEADER_LENGTH || view.getUint8(at) >> 4 !== 4) {
      this.#malformed();
      return;
    }
    if (batch.headersMissing) {
      this.#vnet.at(view, at - VNET_HEADER_LENGTH).clear();
      if (batch.flags[i]! & RxFlag.ChecksumOk) {
        this.#vnet.flags = VnetFlag.DataValid;
      }
    }
    const written = this.#netdev.write(
      batch.vnetAddress[i]! + NO_ETHERNET_HEADER,
      VNET_HEADER_LENGTH + length,
    );
    if (written < 0) {
      this.#refused(-written);
      return;
    }
    const totals = this.#totals;
    totals[Stat.RxPackets]!++;
    totals[Stat.RxBytes]! += length;
    if (
      multicast && view.getUint8(at + Ipv4Field.Destination) >> 4 === CLASS_D
    ) {
      totals[Stat.Multicast]!++;
    }
  }

  /** A write that was counted already turned out to fail. */
  writeFailed(errno: number, frameLength: number): void {
    this.#totals[Stat.RxPackets]!--;
    this.#totals[Stat.RxBytes]! -= frameLength - VNET_HEADER_LENGTH;
    this.#refused(errno);
  }

  #refused(errno: number): void {
    this.#statistics.drop(
      errno === EIO ? "rx_device_down" : "rx_device_refused",
    );
  }

  #arp(batch: RxBatch, i: number): void {
    const length = batch.length[i]!;
    const taken = this.#onArp(
      batch.view[i]!,
      batch.payload[i]!,
      length,
      batch.sourceLid[i]!,
      this.#clock.now(),
    );
    if (!taken) {
      this.#malformed();
      return;
    }
    this.#statistics.arpReceived++;
    this.#totals[Stat.RxPackets]!++;
    this.#totals[Stat.RxBytes]! += length;
  }

  #malformed(): void {
    this.#statistics.drop("rx_malformed");
    this.#statistics.totals.add("rx_errors");
  }
}
