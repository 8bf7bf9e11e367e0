/** One multicast group of an interface: where its join stands, and the packets that wait for it. */

import type { Millis } from "../../base/units.ts";
import type { AddressHandle } from "../../hca/hca.ts";
import type { McMemberRecord } from "../../wire/sa/mc_member_record.ts";
import { MAX_GROUP_QUEUE } from "../constants.ts";
import { PacketQueue } from "../packet_queue.ts";

/** Where a join stands; `waiting` is the pause after a failure, `idle` a send-only group that gave up. */
export type JoinProgress = "idle" | "joining" | "joined" | "waiting";

export class Group {
  /** 16 octets. */
  readonly mgid: Uint8Array;
  /** True if only packets to it are sent; false if the kernel is a member. */
  readonly sendOnly: boolean;
  readonly createdAt: Millis;
  readonly queue = new PacketQueue(MAX_GROUP_QUEUE);
  progress: JoinProgress = "idle";
  /** As the administrator answered the join. */
  record: McMemberRecord | undefined;
  /** Present while packets can be sent: the data path looks at nothing else. */
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
  /** True if the group is to be joined anew as soon as the broadcast group is. */
  stale = false;
  /** Initialised as a number: a field that began as undefined would hold an allocated number at each assignment. */
  usedAt: Millis = 0;
  /** Ends the request under way. */
  cancel: (() => void) | undefined;

  constructor(mgid: Uint8Array, sendOnly: boolean, now: Millis) {
    this.mgid = mgid;
    this.sendOnly = sendOnly;
    this.createdAt = now;
    this.usedAt = now;
  }
}
