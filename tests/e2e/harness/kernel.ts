/** What the kernel has. */

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

/**
 * Why programs that tell next hops cannot be had here, or undefined. Only what the kernel lacks counts: what is wrong
 * with the program itself must skip no test.
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
