/** The three system calls of io_uring, called through syscall(2) because the C library has no wrappers for them. */

import { guard } from "./errno.ts";

const symbols = {
  // int io_uring_setup(u32 entries, struct io_uring_params *p)
  setup: {
    name: "syscall",
    parameters: ["i64", "u32", "buffer"],
    result: "i32",
  },
  // int io_uring_enter2(unsigned fd, u32 to_submit, u32 min_complete, u32 flags, const void *arg, size_t size)
  enter: {
    name: "syscall",
    parameters: ["i64", "i32", "u32", "u32", "u32", "u64", "u64"],
    result: "i32",
  },
  // int io_uring_register(unsigned fd, unsigned opcode, void *arg, unsigned nr_args)
  register: {
    name: "syscall",
    parameters: ["i64", "i32", "u32", "buffer", "u32"],
    result: "i32",
  },
} as const satisfies Deno.ForeignLibraryInterface;

/** System call numbers, the same on x86-64 and arm64. */
export const Syscall = { Setup: 425n, Enter: 426n, Register: 427n } as const;

export type IoUringCalls = Deno.DynamicLibrary<typeof symbols>["symbols"];

let opened: IoUringCalls | undefined;

/**
 * Returns the calls, bound at first use in this thread. `enter` is not guarded: its caller reads `errnoCell()`. The C
 * library must be opened before the first call.
 */
export function ioUringCalls(): IoUringCalls {
  if (opened) return opened;
  const { setup, enter, register } = Deno.dlopen("libc.so.6", symbols).symbols;
  return opened = {
    enter,
    setup: guard(setup, symbols.setup.parameters.length),
    register: guard(register, symbols.register.parameters.length),
  };
}
