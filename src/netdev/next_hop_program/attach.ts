/** Attaching a program to an interface (bpf(2), BPF_LINK_CREATE for TCX; Linux 6.6, CONFIG_NET_XGRESS). */

import { bpfCalls, BpfTcx, SYSCALL_BPF } from "../../../ffi/bpf.ts";
import { Bpf, BpfLinkCreate, BpfProgQuery } from "../../../ffi/bpf_layout.ts";
import { errno } from "../../../ffi/libc.ts";
import type { IpoibError } from "../../base/errors.ts";
import { Errno } from "../../base/errno.ts";
import { Fd } from "../../system/fd.ts";
import { PRIVILEGE_HINT, unavailable } from "./unavailable.ts";

const ATTRIBUTES_LENGTH = 64;

/**
 * Asks whether programs can be attached to what leaves the interface `ifindex` of the calling thread's network namespace:
 * before one is made, which is much more work. Throws `E_NEXT_HOP_PROGRAM`.
 */
export function checkEgress(ifindex: number): void {
  const attributes = new Uint8Array(ATTRIBUTES_LENGTH);
  const view = new DataView(attributes.buffer);
  view.setInt32(BpfProgQuery.TargetIfindex, ifindex, true);
  view.setUint32(BpfProgQuery.AttachType, BpfTcx.EGRESS, true);
  const answer = bpfCalls().bpf(
    SYSCALL_BPF,
    Bpf.PROG_QUERY,
    attributes,
    attributes.length,
  );
  if (answer < 0) throw refused(ifindex);
}

/**
 * Attaches a classifier to what leaves the interface `ifindex` of the calling thread's network namespace, before all
 * programs that are there: one of those may end the list. Closing the descriptor detaches it. Throws
 * `E_NEXT_HOP_PROGRAM`.
 */
export function attachAtEgress(program: Fd, ifindex: number): Fd {
  const attributes = new Uint8Array(ATTRIBUTES_LENGTH);
  const view = new DataView(attributes.buffer);
  view.setInt32(BpfLinkCreate.ProgFd, program.number, true);
  view.setInt32(BpfLinkCreate.TargetIfindex, ifindex, true);
  view.setUint32(BpfLinkCreate.AttachType, BpfTcx.EGRESS, true);
  view.setUint32(BpfLinkCreate.Flags, BpfTcx.BEFORE, true);
  const fd = bpfCalls().bpf(
    SYSCALL_BPF,
    Bpf.LINK_CREATE,
    attributes,
    attributes.length,
  );
  if (fd >= 0) return new Fd(fd);
  throw refused(ifindex);
}

function refused(ifindex: number): IpoibError {
  const why = errno();
  return unavailable(`attach to TCX egress of network interface ${ifindex}`, {
    errno: why,
    hint: hint(why),
  });
}

function hint(why: number): string {
  switch (why) {
    case Errno.EPERM:
      return PRIVILEGE_HINT;
    case Errno.ENODEV:
      return "name an interface of the network namespace";
    default:
      return "use Linux 6.6 or later, built with CONFIG_NET_XGRESS: this kernel may have no TCX";
  }
}
