/** Struct offsets and BTF type ids of the running kernel, for the next-hop program. */

import { cString, errno, libc } from "../../../ffi/libc.ts";
import { IpoibError } from "../../base/errors.ts";
import { Errno } from "../../base/errno.ts";
import { Fd } from "../../system/fd.ts";
import { statFd } from "../../system/memory.ts";
import { Btf, BtfKind } from "./btf.ts";
import { memberOffset } from "./btf_member.ts";
import { unavailable } from "./unavailable.ts";

/** BTF of the running kernel (Linux 5.4, CONFIG_DEBUG_INFO_BTF). */
const VMLINUX = "/sys/kernel/btf/vmlinux";
const O_RDONLY_CLOEXEC = 0x80000;
/** Maximum length in bytes. The files of current kernels have 5 to 7 MB. */
const MAX_LENGTH = 64 << 20;
const PAGE = 4096;

/** Offsets in bytes, and BTF type ids. */
export interface KernelTypes {
  /** `sk_buff._skb_refdst`: the address of the dst_entry, with a flag in bit 0. */
  readonly skbRefdst: number;
  /** `dst_entry.ops`, from the start of struct rtable, which contains the dst_entry. */
  readonly dstOps: number;
  /** `dst_ops.family`: the address family of the route. */
  readonly opsFamily: number;
  readonly rtType: number;
  readonly rtGatewayFamily: number;
  readonly rtGateway4: number;
  readonly rtGateway6: number;
  readonly rt6Flags: number;
  readonly rt6Gateway: number;
  /** Id of struct rtable. */
  readonly rtable: number;
  /** Id of struct rt6_info, which also starts with the dst_entry. */
  readonly rt6Info: number;
  /** Id of the kfunc bpf_cast_to_kern_ctx (Linux 6.2), which returns the sk_buff of the program's context. */
  readonly castToKernelContext: number;
  /** Id of the kfunc bpf_rdonly_cast (Linux 6.2), which casts any address to a read-only pointer to a type. */
  readonly readOnlyCast: number;
}

/** Reads the offsets and ids from a BTF file. Throws `E_BTF`. */
export function findKernelTypes(file: Uint8Array): KernelTypes {
  const btf = new Btf(file);
  return {
    skbRefdst: memberOffset(btf, "sk_buff", "_skb_refdst"),
    dstOps: memberOffset(btf, "rtable", "dst") +
      memberOffset(btf, "dst_entry", "ops"),
    opsFamily: memberOffset(btf, "dst_ops", "family"),
    rtType: memberOffset(btf, "rtable", "rt_type"),
    rtGatewayFamily: memberOffset(btf, "rtable", "rt_gw_family"),
    rtGateway4: memberOffset(btf, "rtable", "rt_gw4"),
    rtGateway6: memberOffset(btf, "rtable", "rt_gw6"),
    rt6Flags: memberOffset(btf, "rt6_info", "rt6i_flags"),
    rt6Gateway: memberOffset(btf, "rt6_info", "rt6i_gateway"),
    rtable: btf.find(BtfKind.Struct, "rtable"),
    rt6Info: btf.find(BtfKind.Struct, "rt6_info"),
    castToKernelContext: btf.find(BtfKind.Func, "bpf_cast_to_kern_ctx"),
    readOnlyCast: btf.find(BtfKind.Func, "bpf_rdonly_cast"),
  };
}

let known: KernelTypes | undefined;

/** Returns the offsets and ids of the running kernel, read once per thread. Throws `E_NEXT_HOP_PROGRAM`. */
export function kernelTypes(): KernelTypes {
  if (known) return known;
  const file = readFile(VMLINUX);
  try {
    return known = findKernelTypes(file);
  } catch (cause) {
    if (!(cause instanceof IpoibError)) throw cause;
    throw new IpoibError("E_NEXT_HOP_PROGRAM", cause.message, {
      errno: Errno.EOPNOTSUPP,
      hint: "use Linux 6.6 or later",
      cause,
    });
  }
}

/** Reads a file of /sys, page by page because a read returns at most a page. */
function readFile(path: string): Uint8Array {
  const number = libc().open(cString(path), O_RDONLY_CLOEXEC, 0);
  if (number < 0) {
    throw unavailable(`open ${path}`, {
      errno: errno(),
      hint: "use a kernel built with CONFIG_DEBUG_INFO_BTF",
    });
  }
  using fd = new Fd(number);
  const bytes = new Uint8Array(Math.min(statFd(number).size, MAX_LENGTH));
  let length = 0;
  while (length < bytes.length) {
    const part = bytes.subarray(length, length + PAGE);
    const read = libc().read(fd.number, part, part.length);
    if (read <= 0) break;
    length += read;
  }
  return bytes.subarray(0, length);
}
