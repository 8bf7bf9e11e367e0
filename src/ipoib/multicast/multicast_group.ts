/** One multicast group of an interface: join state, address handle, and packets that wait for the join. */

import { Backoff } from "../../base/backoff.ts";
import type { Millis } from "../../base/units.ts";
import type {
  AddressHandle,
  AddressHandleAttributes,
} from "../../hca/address_handle.ts";
import { type PortSpeed, staticRate } from "../../hca/port_rate.ts";
import type { MembershipRequest } from "../../sa/requests.ts";
import type { SaFailure } from "../../sa/result.ts";
import { EthernetKind } from "../../wire/ethernet.ts";
import { MULTICAST_QPN } from "../../wire/link_address.ts";
import type { McMemberRecord } from "../../wire/sa/mc_member_record.ts";
import { MAX_GROUP_QUEUE } from "../constants.ts";
import type { Egress, IpDestination } from "../egress.ts";
import { PacketQueue } from "../packet_queue.ts";
import type { PacketSender } from "../packet_sender.ts";
import { newTraffic } from "../traffic.ts";

/**
 * Progress of a join. `waiting` is the backoff after a failure. `idle` is the state before the first join, and that of
 * a send-only group after two failures.
 */
export type JoinProgress = "idle" | "joining" | "joined" | "waiting";

/** Egress of a joined group: posts packets to the group's MGID and MLID. */
export class GroupRoute implements Egress {
  readonly #sender: PacketSender;
  readonly #group: MulticastGroup;
  readonly #ah: AddressHandle;

  constructor(sender: PacketSender, group: MulticastGroup, ah: AddressHandle) {
    this.#sender = sender;
    this.#group = group;
    this.#ah = ah;
  }

  send(slot: number, length: number): void {
    const group = this.#group;
    group.usedAt = this.#sender.now;
    this.#sender.post(slot, length, this.#ah, MULTICAST_QPN, group.traffic);
  }
}

export class MulticastGroup implements IpDestination {
  /** 16 bytes. */
  readonly mgid: Uint8Array;
  /** True if the interface only sends to the group; false if the kernel is a member, and for the broadcast group. */
  readonly sendOnly: boolean;
  readonly kind: EthernetKind;
  readonly createdAt: Millis;
  readonly queue: PacketQueue;
  /** Packets sent to the group and received from it. */
  readonly traffic = newTraffic();
  /** A {@linkcode GroupRoute} while packets can be sent, else the egress that queues them until the join completes. */
  egress: Egress;
  progress: JoinProgress = "idle";
  /** Request of the last join. */
  request: MembershipRequest | undefined;
  /** Record in the administrator's last successful response to a join. */
  record: McMemberRecord | undefined;
  /** Present while packets can be sent. */
  ah: AddressHandle | undefined;
  attached = false;
  /** Delays between joins that fail (as in Linux ipoib_mcast_join_complete). */
  readonly backoff = new Backoff();
  retryAt: Millis = Infinity;
  failures = 0;
  /** Number of failures, over all joins of the group, that count toward MAX_LOGGED_FAILURES. */
  logged = 0;
  /** Errno of the last completed join, undefined if it succeeded. */
  failure: number | undefined;
  /** MAD status of the administrator's refusal; 0 if the administrator did not respond or the failure was local. */
  failureStatus = 0;
  /** Remedy or cause of a local failure, if the device has named one. */
  remedy: string | undefined;
  /** True if the last join failed because the device has refused to send it. */
  unsent = false;
  /**
   * Why the group cannot be joined, as a predicate whose subject is the group (join_obstacle.ts). Undefined if the last
   * join succeeded or failed without a refusal, and if the reason is not known.
   */
  obstacle: string | undefined;
  /** The last inquiry about a refused join: its time, the status of the refusal, and the backoff before it. */
  inquiry: { at: Millis; status: number; backoffMs: Millis } | undefined;
  /** Why the last membership check had no result; undefined after one that had, and after a join. */
  checkFailure: SaFailure | undefined;
  /** Time of the next membership check. */
  checkAt: Millis = Infinity;
  /** True if a lost membership was logged. */
  lossLogged = false;
  /** True if the group must be joined again once the broadcast group is joined. */
  stale = false;
  /**
   * Time of the last packet. Initialized with a number: V8 allocates each number in a field that was undefined first.
   */
  usedAt: Millis = 0;
  /** Cancels the pending join request. */
  cancel: (() => void) | undefined;

  /** `waiting` in the parts is the egress until the group is joined. */
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

  /** Schedules the retry of a failed join. */
  backOff(now: Millis): void {
    this.retryAt = now + this.backoff.next();
  }

  /** Resets backoff and failure count. */
  resetBackOff(): void {
    this.backoff.reset();
    this.retryAt = Infinity;
    this.failures = 0;
  }
}

/** Constructor parameters of a {@linkcode MulticastGroup}. */
export interface GroupParts {
  /** Broadcast for the broadcast group, multicast for all others. */
  readonly kind: EthernetKind;
  readonly sendOnly: boolean;
  readonly sender: PacketSender;
  readonly waiting: Egress;
  readonly now: Millis;
}

/** Returns the address handle attributes for packets to a group, taken from its record. */
export function handleAttributes(
  mgid: Uint8Array,
  record: McMemberRecord,
  port: PortSpeed,
): AddressHandleAttributes {
  return {
    dlid: record.mlid,
    sl: record.sl,
    staticRate: staticRate(record.rate, port),
    grh: {
      dgid: mgid,
      flowLabel: record.flowLabel,
      hopLimit: record.hopLimit,
      trafficClass: record.tclass,
      sgidIndex: 0,
    },
  };
}
