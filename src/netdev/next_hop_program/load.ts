/** Loads programs into the kernel (bpf(2), BPF_PROG_LOAD). */

import { bpfCalls, SYSCALL_BPF } from "../../../ffi/bpf.ts";
import { Bpf, BpfProgLoad } from "../../../ffi/bpf_layout.ts";
import { addressOf, errno } from "../../../ffi/libc.ts";
import { Capability, hasCapability } from "../../system/capability.ts";
import { Errno } from "../../base/errno.ts";
import { Fd } from "../../system/fd.ts";
import { PRIVILEGE_HINT, unavailable } from "./unavailable.ts";

const INSTRUCTION_LENGTH = 8;
/** Programs that call kfuncs need a GPL-compatible license. */
const LICENSE = "Dual MIT/GPL";
const LOG_LENGTH = 1 << 16;
/** Maximum characters of the verifier's log in an error, from the end, which states the reason. */
const LOG_EXCERPT = 2000;
/** The verifier stops with EAGAIN if a signal is pending. */
const MAX_ATTEMPTS = 5;
/** A kernel error number that errno(3) does not define. Here it means that the JIT compiler is disabled. */
const ENOTSUPP = 524;

// The attributes and the data they point to share one buffer. It is an argument of the call, so it stays alive while
// the kernel uses the addresses.
const NAME_AT = BpfProgLoad.ProgName;
const ATTRIBUTES_LENGTH = NAME_AT + 16;
const LICENSE_AT = ATTRIBUTES_LENGTH;
const LOG_AT = LICENSE_AT + 16;
const INSTRUCTIONS_AT = LOG_AT + LOG_LENGTH;

/**
 * Loads a classifier and returns its descriptor. `name` has at most 15 letters, digits, `_` and `.`. Throws
 * `E_NEXT_HOP_PROGRAM`.
 */
export function loadClassifier(name: string, instructions: Uint8Array): Fd {
  const memory = new Uint8Array(INSTRUCTIONS_AT + instructions.length);
  const encoder = new TextEncoder();
  memory.set(encoder.encode(name).subarray(0, 15), NAME_AT);
  memory.set(encoder.encode(LICENSE), LICENSE_AT);
  memory.set(instructions, INSTRUCTIONS_AT);
  const view = new DataView(memory.buffer);
  const address = addressOf(memory);
  const setAddress = (field: number, at: number) =>
    view.setBigUint64(field, address + BigInt(at), true);
  view.setUint32(BpfProgLoad.ProgType, Bpf.PROG_TYPE_SCHED_CLS, true);
  view.setUint32(
    BpfProgLoad.InsnCount,
    instructions.length / INSTRUCTION_LENGTH,
    true,
  );
  setAddress(BpfProgLoad.Insns, INSTRUCTIONS_AT);
  setAddress(BpfProgLoad.License, LICENSE_AT);

  // The log of an accepted program may exceed the buffer, which is an error: only a refused program is logged.
  const loaded = load(memory);
  if (typeof loaded !== "number") return loaded;
  view.setUint32(BpfProgLoad.LogLevel, 1, true);
  view.setUint32(BpfProgLoad.LogSize, LOG_LENGTH, true);
  setAddress(BpfProgLoad.LogBuffer, LOG_AT);
  const again = load(memory);
  if (typeof again !== "number") return again;
  const log = memory.subarray(LOG_AT, LOG_AT + LOG_LENGTH);
  throw refusal(
    loaded,
    new TextDecoder().decode(log.subarray(0, log.indexOf(0))),
  );
}

/** Returns the descriptor of the program, or an errno. */
function load(memory: Uint8Array<ArrayBuffer>): Fd | number {
  const { bpf } = bpfCalls();
  let why: number = Errno.EAGAIN;
  for (let i = 0; i < MAX_ATTEMPTS && why === Errno.EAGAIN; i++) {
    const fd = bpf(SYSCALL_BPF, Bpf.PROG_LOAD, memory, ATTRIBUTES_LENGTH);
    if (fd >= 0) return new Fd(fd);
    why = errno();
  }
  return why;
}

function refusal(why: number, log: string) {
  return unavailable("load the next-hop program", {
    errno: why,
    hint: hint(why, log),
    ...(log ? { cause: new Error(log.slice(-LOG_EXCERPT).trim()) } : {}),
  });
}

function hint(why: number, log: string): string {
  if (why === Errno.EPERM || !privileged()) return PRIVILEGE_HINT;
  if (why === ENOTSUPP) return "set the sysctl net.core.bpf_jit_enable to 1";
  if (why === Errno.ENOSYS) return "use a kernel built with CONFIG_BPF_SYSCALL";
  return log
    ? "report the kernel version: its verifier refused the program"
    : "use Linux 6.6 or later";
}

function privileged(): boolean {
  return hasCapability(Capability.SysAdmin) ||
    [Capability.Bpf, Capability.PerfMon, Capability.NetAdmin].every(
      hasCapability,
    );
}
