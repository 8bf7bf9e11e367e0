/** Fuzz targets of ARP on the link and on the device, neighbour discovery, and link-layer addresses. */

import { assert } from "@std/assert";
import { ARP_LENGTH, emitArp, parseArp } from "../../../src/wire/arp.ts";
import {
  DEVICE_ARP_LENGTH,
  emitDeviceArp,
  parseDeviceArp,
} from "../../../src/wire/device_arp.ts";
import {
  linkAddressBytes,
  parseLinkAddress,
} from "../../../src/wire/link_address.ts";
import { icmpv6Checksum } from "../../../src/wire/checksum.ts";
import {
  LINK_ADDRESS_OPTION_LENGTH,
  parseNd,
  rewriteNd,
} from "../../../src/wire/neighbour_discovery.ts";
import { prefilled, viewOf } from "../../wire/support.ts";
import { assertSameBytes, parserTarget } from "./target.ts";

const PEER = { flags: 0, qpn: 0x48, gid: new Uint8Array(16).fill(7) };

function arp(bytes: Uint8Array): boolean {
  const parsed = parseArp(viewOf(bytes), 0, bytes.length);
  if (parsed === undefined) return false;
  const again = prefilled(ARP_LENGTH);
  emitArp(parsed, viewOf(again), 0);
  assertSameBytes(again, bytes.subarray(0, ARP_LENGTH));
  return true;
}

function deviceArp(bytes: Uint8Array): boolean {
  const parsed = parseDeviceArp(viewOf(bytes), 0, bytes.length);
  if (parsed === undefined) return false;
  const again = prefilled(DEVICE_ARP_LENGTH);
  emitDeviceArp(parsed, viewOf(again), 0);
  assertSameBytes(again, bytes.subarray(0, DEVICE_ARP_LENGTH));
  return true;
}

function linkAddress(bytes: Uint8Array): boolean {
  const address = parseLinkAddress(bytes);
  if (address === undefined) return false;
  assertSameBytes(linkAddressBytes(address), bytes.subarray(0, 20));
  return true;
}

/** Adds and removes link-layer addresses. The last bit of the input selects a corrected checksum. */
function nd(input: Uint8Array): boolean {
  const bytes = input.slice();
  const view = viewOf(bytes);
  if (bytes.length > 48 && (bytes[bytes.length - 1]! & 1) !== 0) {
    view.setUint16(42, 0);
    view.setUint16(42, icmpv6Checksum(view, 0, 40, bytes.length - 40));
  }
  const message = parseNd(view, 0, bytes.length);
  if (message === undefined) return false;
  const into = prefilled(bytes.length + LINK_ADDRESS_OPTION_LENGTH);
  for (const address of [PEER, undefined]) {
    const length = rewriteNd(view, 0, message, address, viewOf(into), 0);
    const again = parseNd(viewOf(into), 0, length);
    assert(again);
    assert(again.target.equals(message.target));
    assert((again.linkAddress === undefined) === (address === undefined));
  }
  return true;
}

export const linkLayerTargets = [
  parserTarget("nd", "bytes", nd),
  parserTarget("arp", "bytes", arp),
  parserTarget("device_arp", "bytes", deviceArp),
  parserTarget("link_address", "bytes", linkAddress),
];
