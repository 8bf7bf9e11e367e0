/** IP headers and what they carry: IPv4, IPv6, ICMP, IGMP. */

import { assert, assertEquals } from "@std/assert";
import { checksum } from "../../../src/wire/checksum.ts";
import {
  emitIcmpEcho,
  emitUnreachable,
  mayReportError,
  parseIcmpEcho,
  UNREACHABLE_MAX_LENGTH,
  UnreachableCode,
} from "../../../src/wire/icmp.ts";
import { parseIgmpReport } from "../../../src/wire/igmp.ts";
import {
  emitIpv4Header,
  IpProtocol,
  Ipv4Packet,
} from "../../../src/wire/ipv4.ts";
import { isMulticast } from "../../../src/wire/ipv4_address.ts";
import { Ipv6Packet } from "../../../src/wire/ipv6.ts";
import { prefilled, viewOf } from "../../wire/support.ts";
import { assertSameBytes, parserTarget } from "./target.ts";

function ipv4(bytes: Uint8Array): boolean {
  const packet = new Ipv4Packet(viewOf(bytes), 0);
  if (!packet.valid(bytes.length)) return false;
  assert(packet.headerLength >= 20);
  assert(packet.totalLength >= packet.headerLength);
  assert(packet.totalLength <= bytes.length);
  packet.checksumOk();
  mayReportError(packet, bytes.length);
  parseIgmpReport(packet);
  const error = prefilled(UNREACHABLE_MAX_LENGTH);
  const length = emitUnreachable(
    { source: packet.destination, code: UnreachableCode.Host },
    packet,
    viewOf(error),
    0,
  );
  const made = new Ipv4Packet(viewOf(error), 0);
  assert(made.valid(length) && made.checksumOk());
  assertEquals(made.destination, packet.source);
  return true;
}

function ipv6(bytes: Uint8Array): boolean {
  const packet = new Ipv6Packet(viewOf(bytes), 0);
  if (!packet.valid(bytes.length)) return false;
  assert(packet.payloadLength + 40 <= bytes.length);
  assert(packet.destinationOffset + 16 <= bytes.length);
  return true;
}

function icmp(bytes: Uint8Array): boolean {
  const echo = parseIcmpEcho(viewOf(bytes), 0, bytes.length);
  if (echo === undefined) return false;
  const again = prefilled(bytes.length);
  assertEquals(emitIcmpEcho(echo, viewOf(again), 0), bytes.length);
  const parsed = parseIcmpEcho(viewOf(again), 0, bytes.length)!;
  assert(parsed.id === echo.id && parsed.sequence === echo.sequence);
  assertSameBytes(parsed.payload, echo.payload);
  return true;
}

function igmp(message: Uint8Array): boolean {
  const bytes = prefilled(24 + message.length);
  const packet = new Ipv4Packet(viewOf(bytes), 0);
  const fields = { source: 1, destination: 2, protocol: IpProtocol.Igmp };
  emitIpv4Header(
    { ...fields, payloadLength: message.length },
    packet.view,
    0,
  );
  bytes.set(message, 20);
  const report = parseIgmpReport(packet);
  if (report === undefined) return false;
  const groups = [...report.joined, ...report.left];
  assert(groups.every(isMulticast));
  assert(groups.length <= message.length / 8);
  return true;
}

/** Every second input, by its last bit, has its checksum repaired: what lies behind it is reached. */
function repaired(bytes: Uint8Array): Uint8Array {
  if (bytes.length < 4 || (bytes[bytes.length - 1]! & 1) === 0) {
    return bytes;
  }
  const copy = bytes.slice();
  const view = viewOf(copy);
  view.setUint16(2, 0);
  view.setUint16(2, checksum(view, 0, copy.length));
  return copy;
}

export const ipTargets = [
  parserTarget("ipv4", "bytes", ipv4),
  parserTarget("ipv6", "bytes", ipv6),
  parserTarget(
    "icmp",
    "bytes",
    (bytes) => icmp(bytes) || icmp(repaired(bytes)),
  ),
  parserTarget(
    "igmp",
    "bytes",
    (bytes) => igmp(bytes) || igmp(repaired(bytes)),
  ),
];
