/** Attachment of programs to the TCX egress of an interface (bpf(2) BPF_LINK_CREATE, Linux 6.6, CONFIG_NET_XGRESS). */

import { bpfCalls, BpfTcx, SYSCALL_BPF } from "../../../ffi/bpf.ts";
import { Bpf, BpfLinkCreate, BpfProgQuery } from "../../../ffi/bpf_layout.ts";
import { errno } from "../../../ffi/libc.ts";
import type { IpoibError } from "../../base/errors.ts";
import { Errno } from "../../base/errno.ts";
import { Fd } from "../../system/fd.ts";
import { PRIVILEGE_HINT, unavailable } from "./unavailable.ts";

const ATTRIBUTES_LENGTH = 64;

/**
 * Checks that programs can be attached to the egress of interface `ifindex` in the calling thread's network namespace.
 * Called before a program is built, which takes much longer. Throws `E_NEXT_HOP_PROGRAM`.
 */
export function checkEgress(ifindex: number): void {
  const attributes = new Uint8Array(ATTRIBUTES_LENGTH);
  const view = new DataView(attributes.buffer);
  view.setInt32(BpfProgQuery.TargetIfindex, ifindex, true);
  view.setUint32(BpfProgQuery.AttachType, BpfTcx.EGRESS, true);
  const result = bpfCalls().bpf(
    SYSCALL_BPF,
    Bpf.PROG_QUERY,
    attributes,
    attributes.length,
  );
  if (result < 0) throw refused(ifindex);
}

/**
 * Attaches a classifier to the egress of interface `ifindex` in the calling thread's network namespace, before all
 * attached programs, because each of them may end the processing of a frame. Closing the returned descriptor detaches
 * the classifier. Throws `E_NEXT_HOP_PROGRAM`.
 */
export function attachAtEgress(
  program: Pick<Fd, "number">,
  ifindex: number,
): Fd {
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
      return "use an interface of the network namespace";
    default:
      return "use Linux 6.6 or later, built with CONFIG_NET_XGRESS: this kernel may lack TCX";
  }
}
