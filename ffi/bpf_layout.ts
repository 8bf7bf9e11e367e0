/**
 * Field offsets in bytes of the structs of bpf(2), and its constants (`linux/bpf.h`, little-endian).
 *
 * `tests/ffi/layout_test.ts` compares each value with the C compiler's where the header is installed.
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

/** `union bpf_attr` of BPF_MAP_CREATE. */
export const BpfMapCreate = {
  MapType: 0,
  KeySize: 4,
  ValueSize: 8,
  MaxEntries: 12,
  /** At most 15 bytes and a NUL. */
  MapName: 28,
} as const;

/** `union bpf_attr` of BPF_MAP_LOOKUP_ELEM. Key and value are addresses, 64 bits. */
export const BpfMapElem = { MapFd: 0, Key: 8, Value: 16 } as const;

/** `union bpf_attr` of BPF_LINK_CREATE. The TCX fields after the flags stay zero. */
export const BpfLinkCreate = {
  ProgFd: 0,
  TargetIfindex: 4,
  AttachType: 8,
  Flags: 12,
} as const;

/** `union bpf_attr` of BPF_PROG_QUERY. The remaining fields stay zero, so that the kernel returns no program ids. */
export const BpfProgQuery = { TargetIfindex: 0, AttachType: 4 } as const;

/** `struct __sk_buff`, the context of a classifier program. */
export const BpfSkBuff = { Protocol: 16 } as const;

/** Commands, types, helper function and pseudo source registers, by the names of `bpf.h` without `BPF_`. */
export const Bpf = {
  MAP_CREATE: 0,
  MAP_LOOKUP_ELEM: 1,
  PROG_LOAD: 5,
  PROG_QUERY: 16,
  LINK_CREATE: 28,
  PROG_TYPE_SCHED_CLS: 3,
  FUNC_SKB_STORE_BYTES: 9,
  MAP_TYPE_ARRAY: 2,
  PSEUDO_MAP_VALUE: 2,
  PSEUDO_KFUNC_CALL: 2,
} as const;
