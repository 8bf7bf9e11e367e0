/** The feature `generic-segmentation-offload` of a TAP, by struct ethtool_value (command and value, two u32). */

import { ethtool } from "./ethtool_request.ts";

const ETHTOOL_SGSO = 0x24;
const VALUE_LENGTH = 8;
const VALUE = 4;

/**
 * Sets the feature of the interface `name` in the namespace of a socket. Returns false if the kernel refuses: the stack
 * then segments as before, with the same packets as a result.
 */
export function setGenericSegmentation(
  socket: number,
  name: string,
  on: boolean,
): boolean {
  const request = new Uint8Array(VALUE_LENGTH);
  new DataView(request.buffer).setUint32(VALUE, on ? 1 : 0, true);
  return ethtool(socket, name, ETHTOOL_SGSO, request);
}
