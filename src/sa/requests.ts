/**
 * Builds the records and component masks of SA requests: those of Linux ib_ipoib, and the queries for a group and a
 * membership.
 */

import {
  BROADCAST_JOIN_MASK,
  GROUP_JOIN_MASK,
  JoinState,
  LEAVE_MASK,
  McMask,
  McMemberRecord,
} from "../wire/sa/mc_member_record.ts";
import { IPOIB_PATH_MASK, PathRecord } from "../wire/sa/path_record.ts";
import { Selector } from "../wire/sa/selector.ts";

/** A request about a group membership. */
export interface MembershipRequest {
  record: McMemberRecord;
  mask: bigint;
}

/** Parameters of a path request. */
export interface PathRequest {
  /** 16 bytes: the port's own GID. */
  sgid: Uint8Array;
  /** 16 bytes. */
  dgid: Uint8Array;
  /** With the full-member bit. */
  pkey: number;
  /** Traffic class of the broadcast group. */
  tclass: number;
}

/** Builds a path request with the mask `IPOIB_PATH_MASK` (Linux `path_rec_start`). */
export function pathRequest(
  request: PathRequest,
): { record: PathRecord; mask: bigint } {
  return {
    record: PathRecord.of({ ...request, numbPath: 1 }),
    mask: IPOIB_PATH_MASK,
  };
}

/** Builds a join of the broadcast group, which must exist: the mask 0x10083 cannot create a group. */
export function broadcastJoin(
  mgid: Uint8Array,
  portGid: Uint8Array,
  pkey: number,
): MembershipRequest {
  return {
    record: McMemberRecord.of({
      mgid,
      portGid,
      pkey,
      joinState: JoinState.FullMember,
    }),
    mask: BROADCAST_JOIN_MASK,
  };
}

/**
 * Builds a join of another group of the link. The administrator creates the group if it does not exist, with the
 * parameters of the link's broadcast group (RFC 4391 section 10).
 */
export function groupJoin(
  mgid: Uint8Array,
  portGid: Uint8Array,
  broadcast: McMemberRecord,
  joinState: number = JoinState.FullMember,
): MembershipRequest {
  return {
    record: McMemberRecord.of({
      mgid,
      portGid,
      joinState,
      pkey: broadcast.pkey,
      qkey: broadcast.qkey,
      mtuSelector: Selector.Exactly,
      mtu: broadcast.mtu,
      tclass: broadcast.tclass,
      rateSelector: Selector.Exactly,
      rate: broadcast.rate,
      sl: broadcast.sl,
      flowLabel: broadcast.flowLabel,
      hopLimit: broadcast.hopLimit,
    }),
    mask: GROUP_JOIN_MASK,
  };
}

/** Builds a leave. `joinState` is the join state of the membership. */
export function groupLeave(
  mgid: Uint8Array,
  portGid: Uint8Array,
  joinState: number,
): MembershipRequest {
  return {
    record: McMemberRecord.of({ mgid, portGid, joinState }),
    mask: LEAVE_MASK,
  };
}

/**
 * Builds a query for a group. The response has the parameters of the group. As in OpenSM, its status is "no records" if
 * the group does not exist or belongs to a partition of which the requesting port is not a member.
 */
export function groupQuery(mgid: Uint8Array): MembershipRequest {
  return { record: McMemberRecord.of({ mgid }), mask: McMask.Mgid };
}

/**
 * Builds a query for a port's membership of a group. The response has the group's MLID if the port is a member, and the
 * status "no records" otherwise. A join cannot serve as the check: its response is the same for an existing member and
 * a new one. OpenSM omits the join state from responses to requests without the SM_Key.
 */
export function membershipCheck(
  mgid: Uint8Array,
  portGid: Uint8Array,
): MembershipRequest {
  return {
    record: McMemberRecord.of({ mgid, portGid }),
    mask: McMask.Mgid | McMask.PortGid,
  };
}
