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
  linkAddressBytes,
  parseLinkAddress,
} from "../../../src/wire/link_address.ts";
import { Lrh } from "../../../src/wire/lrh.ts";
import { VNET_HEADER_LENGTH, VnetHeader } from "../../../src/wire/vnet.ts";
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

function vnet(bytes: Uint8Array): boolean {
  if (bytes.length < VNET_HEADER_LENGTH) return false;
  const copy = bytes.slice();
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
  if (done) copy.set(bytes.subarray(field, field + 2), field);
  assertSameBytes(copy, bytes);
  return done;
}

function linkAddress(bytes: Uint8Array): boolean {
  const address = parseLinkAddress(bytes);
  if (address === undefined) return false;
  assertSameBytes(linkAddressBytes(address), bytes.subarray(0, 20));
  return true;
}

function frame(bytes: Uint8Array): boolean {
  const crc = icrc(bytes, 0, bytes.length);
  assert(crc >= 0 && crc <= 0xffffffff && Number.isInteger(crc));
  assert(vcrc(bytes, 0, bytes.length) <= 0xffff);
  if (bytes.length < 20) return false;
  const lrh = new Lrh(viewOf(bytes), 0);
  assert(lrh.packetLength <= 0x7ff && lrh.nextHeader <= 3);
  assert(new Bth(viewOf(bytes), 8).padCount <= 3);
  return true;
}

export const linkLayerTargets = [
  parserTarget("arp", "bytes", arp),
  parserTarget("device_arp", "bytes", deviceArp),
  parserTarget("vnet", "bytes", vnet),
  parserTarget("link_address", "bytes", linkAddress),
  parserTarget("frame", "bytes", frame),
];
