/**
 * IGMP reports, from which memberships are learnt where the kernel does not tell them (RFC 1112, RFC 2236, RFC 3376).
 *
 * The report for 224.0.0.1 is never sent: every host is its member.
 */

import { checksum } from "./checksum.ts";
import { IpProtocol, type Ipv4Packet } from "./ipv4.ts";
import { isMulticast } from "./ipv4_address.ts";

/** Message types. */
export const IgmpType = {
  Query: 0x11,
  ReportV1: 0x12,
  ReportV2: 0x16,
  Leave: 0x17,
  ReportV3: 0x22,
} as const;

/** Types of a group record in a version 3 report (RFC 3376 section 4.2.12). */
export const IgmpRecord = {
  ModeIsInclude: 1,
  ModeIsExclude: 2,
  ChangeToInclude: 3,
  ChangeToExclude: 4,
  AllowNewSources: 5,
  BlockOldSources: 6,
} as const;

/** Bytes of a version 1 or 2 message, and of a version 3 report before its records. */
const MESSAGE_LENGTH = 8;
/** Bytes of a version 3 record before its sources. */
const RECORD_LENGTH = 8;

/** What a report says of this host's memberships; groups are signed 32-bit integers. */
export interface IgmpReport {
  readonly joined: readonly number[];
  readonly left: readonly number[];
}

/**
 * The memberships that a valid IPv4 packet reports, or undefined if it is no IGMP report or malformed.
 *
 * Source filters do not reach the fabric: a group of which any source is wanted is joined, one of which none is
 * wanted is left, and blocking sources changes nothing.
 */
export function parseIgmpReport(packet: Ipv4Packet): IgmpReport | undefined {
  const { view } = packet;
  const base = packet.base + packet.headerLength;
  const length = packet.totalLength - packet.headerLength;
  if (
    packet.protocol !== IpProtocol.Igmp || packet.fragmentOffset !== 0 ||
    packet.moreFragments || length < MESSAGE_LENGTH ||
    checksum(view, base, length) !== 0
  ) return undefined;
  const type = view.getUint8(base);
  if (type === IgmpType.ReportV3) return parseRecords(view, base, length);
  const group = view.getInt32(base + 4);
  if (!isMulticast(group)) return undefined;
  switch (type) {
    case IgmpType.ReportV1:
    case IgmpType.ReportV2:
      return { joined: [group], left: [] };
    case IgmpType.Leave:
      return { joined: [], left: [group] };
    default:
      return undefined;
  }
}

function parseRecords(
  view: DataView,
  base: number,
  length: number,
): IgmpReport | undefined {
  const joined: number[] = [];
  const left: number[] = [];
  let at = base + MESSAGE_LENGTH;
  const end = base + length;
  for (let count = view.getUint16(base + 6); count > 0; count--) {
    if (at + RECORD_LENGTH > end) return undefined;
    const type = view.getUint8(at);
    const sources = view.getUint16(at + 2);
    const group = view.getInt32(at + 4);
    // The second byte counts auxiliary data in words of four.
    at += RECORD_LENGTH + 4 * (sources + view.getUint8(at + 1));
    if (at > end || !isMulticast(group)) return undefined;
    switch (type) {
      case IgmpRecord.ModeIsExclude:
      case IgmpRecord.ChangeToExclude:
      case IgmpRecord.AllowNewSources:
        joined.push(group);
        break;
      case IgmpRecord.ModeIsInclude:
      case IgmpRecord.ChangeToInclude:
        (sources > 0 ? joined : left).push(group);
        break;
    }
  }
  return { joined, left };
}
