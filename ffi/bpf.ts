/** The system call bpf(2), called through syscall(2) because the C library has no wrapper for it. */

import { guard } from "./errno.ts";
import { libc } from "./libc.ts";

const symbols = {
  // int bpf(int cmd, union bpf_attr *attr, unsigned int size)
  bpf: {
    name: "syscall",
    parameters: ["i64", "i32", "buffer", "u32"],
    result: "i32",
  },
} as const satisfies Deno.ForeignLibraryInterface;

/** System call number of bpf(2) on this architecture. */
export const SYSCALL_BPF: bigint = Deno.build.arch === "aarch64" ? 280n : 321n;

type BpfCalls = Deno.DynamicLibrary<typeof symbols>["symbols"];

let opened: BpfCalls | undefined;

/** Returns bpf(2), bound at first use in this thread. A failure sets `errno()` of ffi/errno.ts. */
export function bpfCalls(): BpfCalls {
  if (opened) return opened;
  // Opening the C library locates this thread's errno, which the guard reads.
  libc();
  const { bpf } = Deno.dlopen("libc.so.6", symbols).symbols;
  return opened = { bpf: guard(bpf, symbols.bpf.parameters.length) };
}

/** TCX constants (`linux/bpf.h` of Linux 6.6). */
export const BpfTcx = {
  /** Attach type BPF_TCX_EGRESS: the program sees frames that leave the interface. */
  EGRESS: 47,
  /** Attachment flag BPF_F_BEFORE: before the given program, or before all programs if none is given. */
  BEFORE: 8,
  /** Program result TCX_NEXT: the next program decides; the last program's TCX_NEXT passes the frame. */
  NEXT: -1,
} as const;
