/** Sockets, by family, type and protocol (socket(2)). */

import { libc } from "../../ffi/libc.ts";
import { unwrap } from "./errno.ts";
import { Fd } from "./fd.ts";

/** A new socket; throws `code`. */
export function openSocket(
  family: number,
  type: number,
  protocol: number,
  code = "E_SOCKET",
  action = "create a socket",
): Fd {
  return new Fd(unwrap(libc().socket(family, type, protocol), code, action));
}
