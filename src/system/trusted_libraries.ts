/**
 * Protects a process with more privileges than its user (an executable with capabilities or a set-user-ID bit) from
 * libraries named by environment variables.
 *
 * The program opens all libraries by soname, so that the dynamic loader searches the system directories. In such a
 * process (secure-execution mode, ld.so(8)) the loader ignores LD_LIBRARY_PATH, preloads only set-user-ID libraries
 * from the system directories, and removes both variables from the environment. libibverbs does not check capabilities:
 * it loads the drivers that the variables below name whenever the real and the effective user are the same.
 */

import { cString, libc } from "../../ffi/libc.ts";

/** Variables with driver names or paths for libibverbs (rdma-core, dynamic_driver.c). */
const DRIVER_VARIABLES = ["RDMAV_DRIVERS", "IBV_DRIVERS"];
/** Auxiliary vector entry: nonzero in secure-execution mode (getauxval(3)). */
const AT_SECURE = 23n;

/**
 * Removes the driver variables from the environment if the process is in secure-execution mode: before libibverbs is
 * opened, and before the program executes itself again with fewer privileges, because it may then leave this mode.
 */
export function unsetLibraryVariables(secure = isSecure()): void {
  if (!secure) return;
  for (const name of DRIVER_VARIABLES) libc().unsetenv(cString(name));
}

function isSecure(): boolean {
  return libc().getauxval(AT_SECURE) !== 0n;
}
