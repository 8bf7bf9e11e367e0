/** Partitions whose groups a port with MTU 2048 and 100 Gb/s cannot join, and the states of interfaces on them. */

import { groupJoin, type MembershipRequest } from "../../src/sa/requests.ts";
import { formatGid } from "../../src/wire/gid.ts";
import { broadcastMgid, MgidScope } from "../../src/wire/mgid.ts";
import { McMemberRecord } from "../../src/wire/sa/mc_member_record.ts";

/** A partitions.conf. The Q_Key of the group of 239.1.1.1 is not that of its broadcast group. */
export const REFUSED_PARTITIONS = `Default=0x7fff, ipoib :
  mgid=ff12:401b:ffff::f01:101,Q_Key=0x1234
  ALL=full ;
large=0x0011, ipoib, mtu=5 : ALL=full ;
fast=0x0012, ipoib, rate=17 : ALL=full ;
wide=0x0013 : ALL=full ;
bare=0x0014 : ALL=full ;
limited=0x0015, ipoib : ALL=limited ;
other=0x0016, ipoib : 0x0002c90300000401=full ;
`;

/** P_Key of a partition of which the port is not a member: its table has the P_Key only if the test adds it. */
export const FOREIGN_PKEY = 0x8016;

/**
 * Returns a join that creates the broadcast group of partition 0x8013 with scope 5: a partitions.conf defines broadcast
 * groups of scope 2 only.
 */
export function wideJoin(portGid: Uint8Array): MembershipRequest {
  const pkey = 0x8013;
  const link = McMemberRecord.of({ pkey, qkey: 0x0b1b, mtu: 4, rate: 3 });
  return groupJoin(broadcastMgid(pkey, MgidScope.SiteLocal), portGid, link);
}

/** The group with another Q_Key, as an IPv4 address, and the reason why it cannot be joined. */
export const OTHER_QKEY = {
  address: "239.1.1.1",
  reason: "the group has Q_Key 0x00001234, the join requires 0x00000b1b",
};

/** By P_Key: the state of an interface, after the words "broadcast group" and the MGID; undefined: it runs. */
const PREDICATES: readonly [pkey: number, predicate: string | undefined][] = [
  [0x8011, "has MTU 4096, the port has 2048"],
  [0x8012, "has rate 200 Gb/sec, the port has 100 Gb/sec"],
  [
    0x8013,
    "does not exist in partition 0x8013, whose broadcast group ff15:401b:8013::ffff:ffff has scope 5",
  ],
  [0x8014, "does not exist in partition 0x8014"],
  // The administrator accepts limited members.
  [0x8015, undefined],
  [
    FOREIGN_PKEY,
    "is in partition 0x8016, of which the port is not a member according to the subnet administrator",
  ],
];

/** P_Keys and the states of interfaces on them. */
export const STATES: readonly { pkey: number; state: string }[] = PREDICATES
  .map(([pkey, predicate]) => ({
    pkey,
    state: predicate === undefined
      ? "running"
      : `broadcast group ${formatGid(broadcastMgid(pkey))} ${predicate}`,
  }));
