/**
 * Waits for the device of a process that was killed to go.
 *
 * The kernel releases what io_uring holds in a work queue, which may be long after the process has been waited for on a busy
 * machine. Until then its TAP exists, and a process that is started again at once finds the name taken.
 */

import { libc } from "../../../ffi/libc.ts";
import type { Millis } from "../../base/units.ts";
import { ARPHRD_INFINIBAND, IFNAMSIZ, Request } from "./constants.ts";
import { ethtool } from "./ethtool_request.ts";
import { interfaceRequest } from "./name.ts";
import { interfaceSocket } from "./tap.ts";

const LIMIT_MS: Millis = 3000;
const STEP_MS: Millis = 10;
const ETHTOOL_GDRVINFO = 3;
/** struct ethtool_drvinfo (linux/ethtool.h): the command u32, then the driver's name, 32 bytes. */
const DRVINFO_LENGTH = 196;
const DRIVER = "tun\0";

/**
 * Waits until no TAP of link type InfiniBand has the name in this thread's namespace, for at most {@linkcode LIMIT_MS}. The
 * thread does nothing else meanwhile.
 */
export function waitForName(name: string): void {
  using socket = interfaceSocket();
  const never = new Int32Array(new SharedArrayBuffer(4));
  const end = performance.now() + LIMIT_MS;
  while (isOwnKind(socket.number, name) && performance.now() < end) {
    Atomics.wait(never, 0, 0, STEP_MS);
  }
}

/** True if the interface is a TAP such as this program makes. */
function isOwnKind(socket: number, name: string): boolean {
  const request = interfaceRequest(name);
  if (libc().ioctl(socket, Request.SIOCGIFHWADDR, request) < 0) return false;
  const type = new DataView(request.buffer).getUint16(IFNAMSIZ, true);
  if (type !== ARPHRD_INFINIBAND) return false;
  const info = new Uint8Array(DRVINFO_LENGTH);
  return ethtool(socket, name, ETHTOOL_GDRVINFO, info) &&
    new TextDecoder().decode(info.subarray(4, 4 + DRIVER.length)) === DRIVER;
}
