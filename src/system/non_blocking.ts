/** Descriptors that a library opened and that must not block. */

import { libc } from "../../ffi/libc.ts";
import { unwrap } from "./errno.ts";

const F_GETFL = 3;
const F_SETFL = 4;
const O_NONBLOCK = 0x800;

/** Sets O_NONBLOCK. */
export function setNonBlocking(fd: number): void {
  const flags = unwrap(libc().fcntl(fd, F_GETFL, 0n), "E_FCNTL", "read flags");
  unwrap(
    libc().fcntl(fd, F_SETFL, BigInt(flags | O_NONBLOCK)),
    "E_FCNTL",
    "make a descriptor non-blocking",
  );
}
