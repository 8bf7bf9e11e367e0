/**
 * Libraries of a process with more rights than its user, as an executable with capabilities or a set-user-ID bit has.
 *
 * All libraries are opened by their soname, which the loader looks for in the system's own folders; it ignores
 * LD_LIBRARY_PATH and LD_PRELOAD in such a process (ld.so(8), secure-execution mode), and takes them out of the environment.
 * libibverbs knows of no capabilities: it opens what these variables name whenever real and effective user are the same.
 */

import { cString, libc } from "../../ffi/libc.ts";

/** Names of drivers, with paths, in libibverbs (rdma-core, dynamic_driver.c). */
const DRIVER_VARIABLES = ["RDMAV_DRIVERS", "IBV_DRIVERS"];
/** Type of the auxiliary vector's entry (getauxval(3)). */
const AT_SECURE = 23n;

/** Takes the variables that name libraries out of the environment, if the process has more rights than its user. */
export function trustNoLibraryVariables(secure = isSecure()): void {
  if (!secure) return;
  for (const name of DRIVER_VARIABLES) libc().unsetenv(cString(name));
}

function isSecure(): boolean {
  return libc().getauxval(AT_SECURE) !== 0n;
}
