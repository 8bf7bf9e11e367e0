/** The requests that ib_ipoib makes, as records and component masks. */

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

/** What to join or leave. */
export interface MembershipRequest {
  record: McMemberRecord;
  mask: bigint;
}

/** A path to ask for. */
export interface PathRequest {
  /** 16 bytes: the port's own GID. */
  sgid: Uint8Array;
  /** 16 bytes. */
  dgid: Uint8Array;
  /** With the full-member bit. */
  pkey: number;
  /** That of the broadcast group. */
  tclass: number;
}

/** The record to ask for a path with; its mask is `IPOIB_PATH_MASK` (Linux `path_rec_start`). */
export function pathRequest(
  request: PathRequest,
): { record: PathRecord; mask: bigint } {
  return {
    record: PathRecord.of({ ...request, numbPath: 1 }),
    mask: IPOIB_PATH_MASK,
  };
}

/** Joins the broadcast group, which must exist (mask 0x10083 cannot create one). */
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

/** Joins another group of the link, creating it with what the link's broadcast group has (RFC 4391 section 10). */
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

/** Leaves a group with the join states that it was joined with. */
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
 * Asks whether a port is a member of a group. A member's answer has the group's MLID; that for others is "no records". (OpenSM
 * does not tell the join state to who has no SM_Key, and the answer to a join is the same for a member and a new one.)
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
