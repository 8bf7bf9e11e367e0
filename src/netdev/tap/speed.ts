/**
 * The speed that `ethtool` and `/sys/class/net/<if>/speed` show of a TAP, which is whatever was set (Linux 4.20 and later).
 *
 * struct ethtool_cmd (44 bytes, linux/ethtool.h): the command u32 at 0, the speed in Mbit/s in two halves, u16 at 12 and u16
 * at 28; the other members are read and written back as they are.
 */

import { ethtool } from "./ethtool_request.ts";

const ETHTOOL_GSET = 1;
const ETHTOOL_SSET = 2;
const COMMAND_LENGTH = 44;
const SPEED = 12;
const SPEED_HIGH = 28;

/**
 * Sets the speed of the interface `name` in the namespace of a socket. False if the kernel refuses, which changes nothing
 * but what is shown.
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
