/**
 * The features of a TAP that the kernel implements itself, set by name as ethtool does.
 *
 * The kernel numbers its features differently in each release. Their names in the order of the numbers are the string
 * set ETH_SS_FEATURES: struct ethtool_sset_info (command, reserved word, 64-bit mask of sets, count) and struct
 * ethtool_gstrings (command, set, count, then 32 bytes for each name). struct ethtool_sfeatures has the command, the
 * number of blocks, and for each block of 32 features two words: which to change, and their values.
 */

import { ethtool } from "./ethtool_request.ts";

const ETHTOOL_GSTRINGS = 0x1b;
const ETHTOOL_GSSET_INFO = 0x37;
const ETHTOOL_SFEATURES = 0x3b;
const ETH_SS_FEATURES = 4;
const NAME_LENGTH = 32;
const BLOCK_FEATURES = 32;

/** The names of the kernel's features, which are read once. */
let names: readonly string[] = [];

/**
 * Sets a feature of the interface `ifname` in the namespace of a socket. Returns false if the kernel refuses or does not
 * have it.
 */
export function setKernelFeature(
  socket: number,
  ifname: string,
  feature: string,
  on: boolean,
): boolean {
  if (names.length === 0) names = featureNames(socket, ifname);
  const index = names.indexOf(feature);
  if (index < 0) return false;
  const blocks = Math.ceil(names.length / BLOCK_FEATURES);
  const request = new Uint8Array(8 + 8 * blocks);
  const view = new DataView(request.buffer);
  view.setUint32(4, blocks, true);
  const at = 8 + 8 * Math.floor(index / BLOCK_FEATURES);
  const bit = 1 << index % BLOCK_FEATURES;
  view.setInt32(at, bit, true);
  view.setInt32(at + 4, on ? bit : 0, true);
  return ethtool(socket, ifname, ETHTOOL_SFEATURES, request);
}

/** Returns the names of the kernel's features in the order of their numbers; none if the kernel refuses. */
export function featureNames(socket: number, ifname: string): string[] {
  const info = new Uint8Array(20);
  const infoView = new DataView(info.buffer);
  infoView.setBigUint64(8, 1n << BigInt(ETH_SS_FEATURES), true);
  if (!ethtool(socket, ifname, ETHTOOL_GSSET_INFO, info)) return [];
  const count = infoView.getUint32(16, true);
  const strings = new Uint8Array(12 + NAME_LENGTH * count);
  const view = new DataView(strings.buffer);
  view.setUint32(4, ETH_SS_FEATURES, true);
  view.setUint32(8, count, true);
  if (!ethtool(socket, ifname, ETHTOOL_GSTRINGS, strings)) return [];
  return Array.from({ length: count }, (_, i) => {
    const at = 12 + NAME_LENGTH * i;
    const bytes = strings.subarray(at, at + NAME_LENGTH);
    return new TextDecoder().decode(bytes).replace(/\0.*$/s, "");
  });
}
