/** ARP in both its forms, and link-layer addresses. */

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
import { prefilled, viewOf } from "../../wire/support.ts";
import { assertSameBytes, parserTarget } from "./target.ts";

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

export const linkLayerTargets = [
  parserTarget("arp", "bytes", arp),
  parserTarget("device_arp", "bytes", deviceArp),
  parserTarget("link_address", "bytes", linkAddress),
];
