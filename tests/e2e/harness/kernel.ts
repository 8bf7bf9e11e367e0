/** Kernel features that some tests need. */

import { BpfTcx } from "../../../ffi/bpf.ts";
import { openMemberships } from "../../../src/netdev/memberships/open_memberships.ts";
import {
  assemble,
  exit,
  R,
  set,
} from "../../../src/netdev/next_hop_program/assembler.ts";
import { attachAtEgress } from "../../../src/netdev/next_hop_program/attach.ts";
import { loadClassifier } from "../../../src/netdev/next_hop_program/load.ts";
import {
  createNamespace,
  withNamespace,
} from "../../../src/system/namespace.ts";
import { PollReactor } from "../../../src/system/poll_reactor.ts";
import { openUringReactor } from "../../../src/system/uring/uring_reactor.ts";

const LOOPBACK = 1;

/** Returns the reason why io_uring is not available, or undefined if it is. */
export function whyNoUring(): string | undefined {
  try {
    openUringReactor();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** True if the kernel sends rtnetlink notifications of IPv4 multicast memberships (Linux 6.15 or so and later). */
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

/**
 * Returns the reason why the kernel cannot run next-hop programs, or undefined if it can. Loads a trivial program, so
 * that a defect in the real program fails its tests instead of skipping them.
 */
export function whyNoNextHopProgram(): string | undefined {
  try {
    Deno.statSync("/sys/kernel/btf/vmlinux");
  } catch {
    return "the kernel has no BTF";
  }
  try {
    using netns = createNamespace();
    const nothing = assemble([set(R.R0, BpfTcx.NEXT), exit()]);
    using program = loadClassifier("nothing", nothing);
    withNamespace(netns.number, () => attachAtEgress(program, LOOPBACK))
      .close();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
