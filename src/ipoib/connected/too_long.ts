/**
 * Answers to packets that exceed the MTU of their route: an ICMP message to the kernel, which lowers the MTU of the
 * kernel's route (Linux ipoib_cm_skb_too_long). Packets to groups have no answer; the first one is logged.
 */

import type { Logger } from "../../base/log.ts";
import type { Millis } from "../../base/units.ts";
import type { Netdev } from "../../netdev/netdev.ts";
import { EthernetKind, FRAME_HEADER_LENGTH } from "../../wire/ethernet.ts";
import { writeEthernetHeader } from "../../wire/frame_header.ts";
import { VNET_HEADER_LENGTH } from "../../wire/vnet.ts";
import { MAX_TOO_BIG_PER_SECOND } from "../constants.ts";
import type { DebugLog } from "../debug_log.ts";
import type { AddressFamily } from "../family/address_family.ts";
import type { PacketSender } from "../packet_sender.ts";

const PERIOD_MS = 1000;
/** Bit of the first byte of an Ethernet destination that is set for broadcast and multicast. */
const GROUP_BIT = 1;

/** Dependencies of {@linkcode TooLongPackets}. */
export interface TooLongParts {
  readonly netdev: Netdev;
  readonly sender: PacketSender;
  readonly families: readonly AddressFamily[];
  readonly log: Logger;
  readonly debug: DebugLog;
}

export class TooLongPackets {
  readonly #parts: TooLongParts;
  #groupLogged = false;
  #periodStart: Millis = 0;
  /** Messages in the current period. */
  #sent = 0;

  constructor(parts: TooLongParts) {
    this.#parts = parts;
  }

  /** Answers the packet of `length` bytes in `slot`, which exceeds `mtu`. */
  answer(slot: number, length: number, mtu: number): void {
    const { netdev, sender, families, debug } = this.#parts;
    const { view, stride, layout } = sender.memory;
    const base = slot * stride;
    const ip = base + layout.payload;
    const etherType = view.getInt32(base + layout.encap) >>> 16;
    if (debug.packets) {
      debug.data(`packet len ${length} (> ${mtu}) too long to send, dropping`);
    }
    const family = families.find((each) => each.etherType === etherType);
    if (!family?.isPacket(view, ip, length)) return;
    if (view.getUint8(base + layout.ethernet) & GROUP_BIT) {
      this.#logGroup(length, mtu);
      return;
    }
    const message = family.tooBig(view, ip, length, mtu);
    if (!message) return;
    const { connections } = sender.statistics;
    if (!this.#permits(sender.now)) {
      connections.add("too_big_limited");
      return;
    }
    const frame = new Uint8Array(FRAME_HEADER_LENGTH + message.length);
    writeEthernetHeader(
      new DataView(frame.buffer),
      VNET_HEADER_LENGTH,
      EthernetKind.Host,
      etherType,
    );
    frame.set(message, FRAME_HEADER_LENGTH);
    if (netdev.writeBytes(frame) < 0) return;
    connections.add("too_big_sent");
    sender.statistics.totals.add("rx_frames");
  }

  #permits(now: Millis): boolean {
    if (now - this.#periodStart >= PERIOD_MS) {
      this.#periodStart = now;
      this.#sent = 0;
    }
    return ++this.#sent <= MAX_TOO_BIG_PER_SECOND;
  }

  #logGroup(length: number, mtu: number): void {
    if (this.#groupLogged) return;
    this.#groupLogged = true;
    this.#parts.log.warn(
      `A multicast packet of ${length} bytes exceeds the MTU of the broadcast group, ${mtu}: dropped; further ones are counted as tx_too_long`,
    );
  }
}
