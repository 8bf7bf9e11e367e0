/**
 * The words of filters that libpcap does not know, and those that need no libpcap if they are the whole filter.
 *
 * libpcap compiles filters for Ethernet. So a packet is given an Ethernet header for the filter only, whose source
 * address says what an InfiniBand packet has and a frame has not. The words of this program are expressions on it:
 *
 * | offset | bytes | contents                                                                        |
 * |--------|-------|---------------------------------------------------------------------------------|
 * | 0      | 6     | destination: broadcast, multicast or host                                       |
 * | 6      | 1     | 2, a locally administered address                                               |
 * | 7      | 1     | direction: 1 received, 2 sent                                                   |
 * | 8      | 1     | 1 if the packet was dropped                                                     |
 * | 9      | 1     | 1 if the packet is a message of a connection (RC)                               |
 * | 10     | 2     | 0                                                                               |
 * | 12     | 2     | EtherType; {@linkcode MAD_TYPE} for a MAD                                        |
 */

import { EtherType } from "../wire/encap.ts";
import { ETHERNET_HEADER_LENGTH, EthernetField } from "../wire/ethernet.ts";
import { MgmtClass } from "../wire/mad.ts";

/** EtherType of MADs: that of local experiments (IEEE 802 section 9.2.4). */
export const MAD_TYPE = 0x88b5;

/** Offsets in the header. */
export const FilterField = { Direction: 7, Dropped: 8, Connected: 9 } as const;
export const FILTER_RECEIVED = 1;
export const FILTER_SENT = 2;

/** Offset of the management class of a MAD. */
const CLASS = ETHERNET_HEADER_LENGTH + 1;

/** A condition: a number of 1 or 2 bytes in the header or the packet has this value. */
type Condition = readonly [offset: number, bytes: 1 | 2, value: number];

const type = (etherType: number): Condition => [
  EthernetField.Type,
  2,
  etherType,
];
const madOfClass = (mgmtClass: number): readonly Condition[] => [
  type(MAD_TYPE),
  [CLASS, 1, mgmtClass],
];

/** The words of this program. */
const OWN: ReadonlyMap<string, readonly Condition[]> = new Map([
  ["mad", [type(MAD_TYPE)]],
  ["sa", madOfClass(MgmtClass.SubnAdm)],
  ["cm", madOfClass(MgmtClass.CommunicationManagement)],
  ["rc", [[FilterField.Connected, 1, 1]]],
  ["dropped", [[FilterField.Dropped, 1, 1]]],
  ["inbound", [[FilterField.Direction, 1, FILTER_RECEIVED]]],
  ["outbound", [[FilterField.Direction, 1, FILTER_SENT]]],
]);

/** Words of libpcap that need no libpcap. */
const COMMON: ReadonlyMap<string, readonly Condition[]> = new Map([
  ["arp", [type(EtherType.Arp)]],
  ["ip", [type(EtherType.Ipv4)]],
  ["ip6", [type(EtherType.Ipv6)]],
]);

/** A word that is not part of a name, an address or an expression in brackets. */
const WORD = new RegExp(
  `(?<![\\w.:\\[-])(?:${[...OWN.keys()].join("|")})(?![\\w.:\\]-])`,
  "g",
);

/** Returns the filter with libpcap's expressions in place of the words of this program. */
export function withoutOwnWords(filter: string): string {
  return filter.replace(WORD, (word) => expressionOf(OWN.get(word)!));
}

function expressionOf(conditions: readonly Condition[]): string {
  const each = conditions.map(([offset, bytes, value]) =>
    `ether[${offset}:${bytes}] = ${value}`
  );
  return `(${each.join(" and ")})`;
}

/**
 * Returns a function that tells whether a packet, whose Ethernet header is at an offset of a view, matches the filter;
 * undefined unless the filter is one word that needs no libpcap.
 */
export function wordFilter(
  filter: string,
): ((view: DataView, at: number) => boolean) | undefined {
  const conditions = OWN.get(filter) ?? COMMON.get(filter);
  return conditions &&
    ((view, at) =>
      conditions.every(([offset, bytes, value]) =>
        value ===
          (bytes === 1
            ? view.getUint8(at + offset)
            : view.getUint16(at + offset))
      ));
}
