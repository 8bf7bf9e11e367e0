/**
 * Finds out who else has the management class of connection management (CM) on a port: only one program of a host can
 * register for its MADs. Linux's own is the module ib_cm, which registers on all ports when it is loaded
 * (drivers/infiniband/core/cm.c).
 */

import { listDirectory } from "../../system/read_files.ts";
import { Errno, errnoText } from "../../base/errno.ts";

const MODULES = "/sys/module";
const CM_MODULE = "ib_cm";
/** Limit of the listed modules. */
const MAX_MODULES = 32;

/**
 * Returns a sentence with the reason why libibumad has refused to register the class, and what frees it.
 *
 * @param port for example "mlx5_0/1"
 * @param errno of `umad_register`
 * @param modules directory of the kernel's modules in sysfs
 */
export function cmRefusal(
  port: string,
  errno: number,
  modules: string = MODULES,
): string {
  if (listDirectory(modules).includes(CM_MODULE)) {
    return `the kernel module ib_cm manages the connections of ${port}; to free them: rmmod ${
      unloadOrder(modules).join(" ")
    }`;
  }
  return errno === Errno.EINVAL || errno === Errno.EPERM
    ? `another program manages the connections of ${port}`
    : `libibumad cannot register for the connections of ${port}: ${
      errnoText(errno)
    }`;
}

/** Returns ib_cm and the modules that use it, in the order in which they can be unloaded. */
function unloadOrder(modules: string): string[] {
  const order = new Set<string>();
  const visited = new Set<string>();
  const visit = (module: string) => {
    if (visited.has(module) || visited.size >= MAX_MODULES) return;
    visited.add(module);
    listDirectory(`${modules}/${module}/holders`).forEach(visit);
    order.add(module);
  };
  visit(CM_MODULE);
  return [...order];
}
