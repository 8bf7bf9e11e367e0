/**
 * Where things stand in the structs of bpf(2), in bytes, and its numbers (`linux/bpf.h`, little-endian).
 *
 * `tests/ffi/layout_test.ts` compares each with the C compiler's word where the header is installed.
 */

/** `union bpf_attr` of BPF_PROG_LOAD. */
export const BpfProgLoad = {
  ProgType: 0,
  InsnCount: 4,
  /** Address, 64 bits. */
  Insns: 8,
  /** Address of a NUL-terminated string, 64 bits. */
  License: 16,
  LogLevel: 24,
  LogSize: 28,
  /** Address, 64 bits. */
  LogBuffer: 32,
  /** At most 15 bytes and a NUL. */
  ProgName: 48,
} as const;

/** `union bpf_attr` of BPF_LINK_CREATE; what follows the flags for TCX is all zeros here. */
export const BpfLinkCreate = {
  ProgFd: 0,
  TargetIfindex: 4,
  AttachType: 8,
  Flags: 12,
} as const;

/** `union bpf_attr` of BPF_PROG_QUERY; all zeros behind these fields gives the kernel no room for an answer. */
export const BpfProgQuery = { TargetIfindex: 0, AttachType: 4 } as const;

/** `struct __sk_buff`, the context of a classifier. */
export const BpfSkBuff = { Protocol: 16 } as const;

/** Numbers of the commands, types and helper functions that are used. */
export const Bpf = {
  PROG_LOAD: 5,
  PROG_QUERY: 16,
  LINK_CREATE: 28,
  PROG_TYPE_SCHED_CLS: 3,
  FUNC_SKB_STORE_BYTES: 9,
  PSEUDO_KFUNC_CALL: 2,
} as const;
