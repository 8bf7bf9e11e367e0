/** One multicast group of an interface: where its join stands, and the packets that wait for it. */

import type { Millis } from "../../base/units.ts";
import type { AddressHandle, AddressHandleAttributes } from "../../hca/hca.ts";
import { EthernetKind } from "../../wire/ethernet.ts";
import { MULTICAST_QPN } from "../../wire/link_address.ts";
import type { McMemberRecord } from "../../wire/sa/mc_member_record.ts";
import { MAX_BACKOFF_MS, MAX_GROUP_QUEUE } from "../constants.ts";
import type { Destination, Egress } from "../egress.ts";
import { PacketQueue } from "../packet_queue.ts";
import type { UdSender } from "../ud_sender.ts";

/** Where a join stands; `waiting` is the pause after a failure, `idle` a send-only group that gave up. */
export type JoinProgress = "idle" | "joining" | "joined" | "waiting";

/** Packets are posted to the members. */
export class GroupRoute implements Egress {
  readonly #sender: UdSender;
  readonly #group: MulticastGroup;
  readonly #ah: AddressHandle;

  constructor(sender: UdSender, group: MulticastGroup, ah: AddressHandle) {
    this.#sender = sender;
    this.#group = group;
    this.#ah = ah;
  }

  send(slot: number, length: number): void {
    this.#group.usedAt = this.#sender.now;
    this.#sender.post(slot, length, this.#ah, MULTICAST_QPN);
  }
}

export class MulticastGroup implements Destination {
  /** 16 bytes. */
  readonly mgid: Uint8Array;
  /** True if only packets to it are sent; false if the kernel is a member. */
  readonly sendOnly: boolean;
  readonly kind: EthernetKind;
  readonly createdAt: Millis;
  readonly queue: PacketQueue;
  /** A {@linkcode GroupRoute} while packets can be sent, else what keeps them until the join. */
  egress: Egress;
  progress: JoinProgress = "idle";
  /** As the administrator answered the join. */
  record: McMemberRecord | undefined;
  /** Present while packets can be sent. */
  ah: AddressHandle | undefined;
  attached = false;
  /** The next pause after a failure is twice this. */
  backoffMs: Millis = 1000;
  retryAt: Millis = Infinity;
  failures = 0;
  /** Failures that were logged, of all joins of the group. */
  logged = 0;
  /** Errno of the last join if it failed. */
  failure: number | undefined;
  /** MAD status that the administrator gave as the reason; 0 if it did not answer. */
  failureStatus = 0;
  /** When the port's membership is to be checked. */
  checkAt: Millis = Infinity;
  /** True if it was in the log that the membership was lost. */
  lossLogged = false;
  /** True if the group is to be joined anew as soon as the broadcast group is. */
  stale = false;
  /** Initialised as a number: a field that began as undefined would hold an allocated number at each assignment. */
  usedAt: Millis = 0;
  /** Ends the request under way. */
  cancel: (() => void) | undefined;

  /** @param waiting the egress until the group is joined */
  constructor(
    mgid: Uint8Array,
    { kind, sendOnly, sender, waiting, now }: GroupParts,
  ) {
    this.mgid = mgid;
    this.kind = kind;
    this.sendOnly = sendOnly;
    this.queue = new PacketQueue(sender, MAX_GROUP_QUEUE, "tx_group_queue");
    this.egress = waiting;
    this.createdAt = now;
    this.usedAt = now;
  }

  /**
   * A join failed: the pause doubles before it is used, so it is 2, 4, 8, 16, 16 s... (Linux
   * ipoib_mcast_join_complete behaviour).
   */
  backOff(now: Millis): void {
    this.backoffMs = Math.min(this.backoffMs * 2, MAX_BACKOFF_MS);
    this.retryAt = now + this.backoffMs;
  }

  /** A success, or a new beginning. */
  resetBackOff(): void {
    this.backoffMs = 1000;
    this.retryAt = Infinity;
    this.failures = 0;
  }
}

/** What a group is made of. */
export interface GroupParts {
  /** Broadcast for the broadcast group, multicast for all others. */
  readonly kind: EthernetKind;
  readonly sendOnly: boolean;
  readonly sender: UdSender;
  readonly waiting: Egress;
  readonly now: Millis;
}

/** Of the handle for packets to a group, as its record says. */
export function handleAttributes(
  mgid: Uint8Array,
  record: McMemberRecord,
): AddressHandleAttributes {
  return {
    dlid: record.mlid,
    sl: record.sl,
    staticRate: record.rate,
    grh: {
      dgid: mgid,
      flowLabel: record.flowLabel,
      hopLimit: record.hopLimit,
      trafficClass: record.tclass,
      sgidIndex: 0,
    },
  };
}
