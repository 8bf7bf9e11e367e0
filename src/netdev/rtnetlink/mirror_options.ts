/** Options of a mirror (mirror.ts). */

import type { Reactor } from "../../system/reactor.ts";
import type { MembershipSource } from "../memberships/kernel_memberships.ts";

/** Namespace and index of an interface. */
export interface InterfaceLocation extends Disposable {
  /** An open namespace; undefined for the thread's own. */
  readonly netns: number | undefined;
  readonly ifindex: number;
}

export interface MirrorOptions {
  readonly reactor: Reactor;
  /** An open namespace, used during construction only; undefined for the thread's own. */
  readonly netns?: number | undefined;
  readonly ifindex: number;
  readonly memberships?: MembershipSource | "auto";
  /** Returns the location of the interface after it has left its namespace, or undefined if it was deleted. */
  readonly locate?: () => InterfaceLocation | undefined;
  /** Size in bytes of the queues for events. */
  readonly receiveBuffer?: number;
}
