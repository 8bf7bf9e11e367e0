/**
 * Waits until the kernel has deleted the TAP of a killed process, or has detached that process from a persistent TAP.
 *
 * The kernel releases the files of an io_uring from a work queue, on a busy machine long after the end of the process.
 * The TAP exists until then, and a process that is restarted immediately cannot use its name.
 */

import { libc } from "../../../ffi/libc.ts";
import { getLogger } from "../../base/log.ts";
import type { Millis } from "../../base/units.ts";
import { ARPHRD_INFINIBAND, IFNAMSIZ, Request } from "./constants.ts";
import { ethtool } from "./ethtool_request.ts";
import { interfaceRequest } from "./name.ts";
import { interfaceSocket } from "./tap.ts";

/** Longer than the longest time observed, 3 s to 5 s with a load of 13 on two processors. */
const LIMIT_MS: Millis = 15_000;
const STEP_MS: Millis = 10;
/** Time after which the wait is logged. */
const LOGGED_MS: Millis = 1000;
const ETHTOOL_GDRVINFO = 3;
/**
 * Length of struct ethtool_drvinfo (`linux/ethtool.h`). It starts with the command u32 and the driver name, 32 bytes.
 */
const DRVINFO_LENGTH = 196;
const DRIVER = "tun\0";

/**
 * Waits until no TAP of link type InfiniBand has the name in this thread's namespace, at most {@linkcode LIMIT_MS}, or
 * until `attempt` returns something, which is then returned. Blocks the thread.
 */
export function waitForName<T>(
  name: string,
  attempt: () => T | undefined,
): T | undefined {
  using socket = interfaceSocket();
  const never = new Int32Array(new SharedArrayBuffer(4));
  const start = performance.now();
  let logged = false;
  while (isOwnKind(socket.number, name)) {
    const found = attempt();
    if (found) return found;
    const waited = performance.now() - start;
    if (waited >= LIMIT_MS) return undefined;
    if (!logged && waited >= LOGGED_MS) {
      logged = true;
      getLogger(name).info(
        "Waiting until the kernel has deleted the interface of an ended process with this name",
      );
    }
    Atomics.wait(never, 0, 0, STEP_MS);
  }
  return undefined;
}

/** Returns true if the interface is a TAP of link type InfiniBand. `socket` belongs to its namespace. */
export function isOwnKind(socket: number, name: string): boolean {
  const request = interfaceRequest(name);
  if (libc().ioctl(socket, Request.SIOCGIFHWADDR, request) < 0) return false;
  const type = new DataView(request.buffer).getUint16(IFNAMSIZ, true);
  if (type !== ARPHRD_INFINIBAND) return false;
  const info = new Uint8Array(DRVINFO_LENGTH);
  return ethtool(socket, name, ETHTOOL_GDRVINFO, info) &&
    new TextDecoder().decode(info.subarray(4, 4 + DRIVER.length)) === DRIVER;
}
