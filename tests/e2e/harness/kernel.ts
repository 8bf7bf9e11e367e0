/** What the kernel has. */

import { openMemberships } from "../../../src/netdev/memberships/memberships.ts";
import { PollReactor } from "../../../src/system/poll_reactor.ts";
import { openUringReactor } from "../../../src/system/uring/uring_reactor.ts";

const LOOPBACK = 1;

/** Why io_uring cannot be used here, or undefined. */
export function whyNoUring(): string | undefined {
  try {
    openUringReactor();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** True if the kernel tells of IPv4 memberships by rtnetlink (Linux 6.15 or so). */
export function kernelHasMembershipEvents(): boolean {
  try {
    openMemberships("rtnetlink", {
      reactor: new PollReactor(),
      netns: undefined,
      ifindex: LOOPBACK,
      changed: () => {},
    }).close();
    return true;
  } catch {
    return false;
  }
}
