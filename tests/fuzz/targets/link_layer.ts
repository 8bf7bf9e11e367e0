/** ARP in both its forms, link-layer addresses, InfiniBand headers, virtio headers. */

import { assert, assertEquals } from "@std/assert";
import { ARP_LENGTH, emitArp, parseArp } from "../../../src/wire/arp.ts";
import { Bth } from "../../../src/wire/bth.ts";
import { completeChecksum } from "../../../src/wire/checksum.ts";
import { icrc, vcrc } from "../../../src/wire/crc.ts";
import {
  DEVICE_ARP_LENGTH,
  emitDeviceArp,
  parseDeviceArp,
} from "../../../src/wire/device_arp.ts";
import {
  linkAddressOctets,
  parseLinkAddress,
} from "../../../src/wire/link_address.ts";
import { Lrh } from "../../../src/wire/lrh.ts";
import { VNET_HEADER_LENGTH, VnetHeader } from "../../../src/wire/vnet.ts";
import { prefilled, viewOf } from "../../wire/support.ts";
import { assertSameBytes, parserTarget } from "./target.ts";

function arp(octets: Uint8Array): boolean {
  const parsed = parseArp(viewOf(octets), 0, octets.length);
  if (parsed === undefined) return false;
  const again = prefilled(ARP_LENGTH);
  emitArp(parsed, viewOf(again), 0);
  assertSameBytes(again, octets.subarray(0, ARP_LENGTH));
  return true;
}

function deviceArp(octets: Uint8Array): boolean {
  const parsed = parseDeviceArp(viewOf(octets), 0, octets.length);
  if (parsed === undefined) return false;
  const again = prefilled(DEVICE_ARP_LENGTH);
  emitDeviceArp(parsed, viewOf(again), 0);
  assertSameBytes(again, octets.subarray(0, DEVICE_ARP_LENGTH));
  return true;
}

function vnet(octets: Uint8Array): boolean {
  if (octets.length < VNET_HEADER_LENGTH) return false;
  const copy = octets.slice();
  const view = viewOf(copy);
  const { checksumStart, checksumOffset } = new VnetHeader(view, 0);
  const done = completeChecksum(
    view,
    VNET_HEADER_LENGTH,
    checksumStart,
    checksumOffset,
    copy.length,
  );
  const field = VNET_HEADER_LENGTH + checksumStart + checksumOffset;
  assertEquals(done, field + 2 <= copy.length);
  // Nothing but the checksum itself was written.
  if (done) copy.set(octets.subarray(field, field + 2), field);
  assertSameBytes(copy, octets);
  return done;
}

function linkAddress(octets: Uint8Array): boolean {
  const address = parseLinkAddress(octets);
  if (address === undefined) return false;
  assertSameBytes(linkAddressOctets(address), octets.subarray(0, 20));
  return true;
}

function frame(octets: Uint8Array): boolean {
  const crc = icrc(octets, 0, octets.length);
  assert(crc >= 0 && crc <= 0xffffffff && Number.isInteger(crc));
  assert(vcrc(octets, 0, octets.length) <= 0xffff);
  if (octets.length < 20) return false;
  const lrh = new Lrh(viewOf(octets), 0);
  assert(lrh.packetLength <= 0x7ff && lrh.nextHeader <= 3);
  assert(new Bth(viewOf(octets), 8).padCount <= 3);
  return true;
}

export const linkLayerTargets = [
  parserTarget("arp", "bytes", arp),
  parserTarget("device_arp", "bytes", deviceArp),
  parserTarget("vnet", "bytes", vnet),
  parserTarget("link_address", "bytes", linkAddress),
  parserTarget("frame", "bytes", frame),
];
