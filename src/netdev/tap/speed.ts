/**
 * The speed of a TAP, as shown by ethtool and `/sys/class/net/<if>/speed`. Since Linux 4.20 it can be set to any value.
 *
 * struct ethtool_cmd (44 bytes, `linux/ethtool.h`) has the command (u32) at offset 0 and the speed in Mbit/s in two
 * halves, the low 16 bits at 12 and the high 16 bits at 28. The other members are read and written back unchanged.
 */

import { ethtool } from "./ethtool_request.ts";

const ETHTOOL_GSET = 1;
const ETHTOOL_SSET = 2;
const COMMAND_LENGTH = 44;
const SPEED = 12;
const SPEED_HIGH = 28;

/**
 * Sets the speed in Mbit/s of the interface `name` in the namespace of a socket. Returns false if the kernel refuses,
 * which has no effect on traffic.
 */
export function setLinkSpeed(
  socket: number,
  name: string,
  mbps: number,
): boolean {
  const settings = new Uint8Array(COMMAND_LENGTH);
  const view = new DataView(settings.buffer);
  if (!ethtool(socket, name, ETHTOOL_GSET, settings)) return false;
  view.setUint16(SPEED, mbps & 0xffff, true);
  view.setUint16(SPEED_HIGH, mbps >>> 16, true);
  return ethtool(socket, name, ETHTOOL_SSET, settings);
}
