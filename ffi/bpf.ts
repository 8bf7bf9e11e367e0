/** The system call bpf(2), through `syscall(2)`: the C library has no function for it. */

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

/** Number of the system call. */
export const SYSCALL_BPF: bigint = Deno.build.arch === "aarch64" ? 280n : 321n;

type BpfCalls = Deno.DynamicLibrary<typeof symbols>["symbols"];

let opened: BpfCalls | undefined;

/** The call, bound at the first use in this thread; errno is that of ffi/libc.ts. */
export function bpfCalls(): BpfCalls {
  if (opened) return opened;
  // errno is looked at where the C library says that it is.
  libc();
  const { bpf } = Deno.dlopen("libc.so.6", symbols).symbols;
  return opened = { bpf: guard(bpf, symbols.bpf.parameters.length) };
}

/** Numbers of TCX (`linux/bpf.h` of Linux 6.6). */
export const BpfTcx = {
  /** Attach type of programs that see what leaves an interface. */
  EGRESS: 47,
  /** Flag of an attachment: before the program that is named, or before all if none is. */
  BEFORE: 8,
  /** Result of a program: the next program decides, or the frame goes on if there is none. */
  NEXT: -1,
} as const;
