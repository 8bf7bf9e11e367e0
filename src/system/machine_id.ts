/** The machine's identity (machine-id(5)); the host's name where there is none. */

import { cString, libc } from "../../ffi/libc.ts";
import { Fd } from "./fd.ts";

/** 32 hexadecimal digits, or the host's name. Read through libc: Deno's file API may not read /etc. */
export function machineId(): string {
  const raw = libc().open(cString("/etc/machine-id"), 0x80000, 0);
  if (raw >= 0) {
    using fd = new Fd(raw);
    const into = new Uint8Array(64);
    const length = libc().read(fd.number, into, into.length);
    const id = new TextDecoder().decode(into.subarray(0, Math.max(0, length)))
      .trim();
    if (id) return id;
  }
  return Deno.hostname();
}
