/** Leaves, and the joins between them. */

import {
  BROADCAST_JOIN_MASK,
  JoinState,
  McMask,
} from "../../../src/wire/sa/mc_member_record.ts";
import { portGid } from "../fabric.ts";
import {
  BROADCAST,
  FOREIGN_GID,
  ipv4Group,
  LINK_ONE,
  LINK_TWO,
  UNKNOWN_GID,
} from "./addresses.ts";
import type { RequestList } from "./request_list.ts";

export function addLeaves({ join, leave, query }: RequestList): void {
  const full = JoinState.FullMember;
  leave("leave a group without a membership", 4, {
    mgid: ipv4Group(1),
    joinState: full,
  });
  leave("leave a group that does not exist", 1, {
    mgid: ipv4Group(0x77),
    joinState: full,
  });
  leave("leave with JoinState 0", 1, { mgid: ipv4Group(1) });
  leave("leave with a join state that the port lacks", 1, {
    mgid: ipv4Group(1),
    joinState: JoinState.SendOnlyFullMember,
  });
  leave("leave with more join states than the port has", 1, {
    mgid: ipv4Group(1),
    joinState: 9,
  });
  leave("leave for another port", 1, {
    mgid: ipv4Group(1),
    portGid: portGid(2),
    joinState: full,
  });
  leave("leave for an unknown port", 1, {
    mgid: ipv4Group(1),
    portGid: UNKNOWN_GID,
    joinState: full,
  });
  leave("leave with another subnet's GID", 1, {
    mgid: ipv4Group(1),
    portGid: FOREIGN_GID,
    joinState: full,
  });
  leave("leave with some of the states", 4, { mgid: LINK_ONE, joinState: 1 });
  leave("leave with the other states", 4, { mgid: LINK_ONE, joinState: 14 });
  leave("leave for a port that another port joined", 4, {
    mgid: LINK_ONE,
    portGid: portGid(3),
    joinState: full,
  });
  join("join as member and as sender", 4, BROADCAST_JOIN_MASK, {
    mgid: LINK_ONE,
    pkey: 0x8001,
    joinState: 9,
  });
  leave("leave as member, stay as sender", 4, {
    mgid: LINK_ONE,
    joinState: full,
  });
  join("join as member and non-member", 1, BROADCAST_JOIN_MASK, {
    mgid: LINK_TWO,
    pkey: 0x8002,
    joinState: 3,
  });
  leave("leave as full member, stay as non-member", 1, {
    mgid: LINK_TWO,
    joinState: full,
  });
  leave("leave as non-member", 1, { mgid: LINK_TWO, joinState: 2 });
  leave("leave as one of two members", 2, {
    mgid: ipv4Group(1),
    joinState: full,
  });
  leave("leave as the last member", 1, { mgid: ipv4Group(1), joinState: full });
  query("the group is gone", 1, McMask.Mgid, { mgid: ipv4Group(1) });
  leave("leave the broadcast group", 2, { mgid: BROADCAST, joinState: full });
  leave("leave the broadcast group again", 2, {
    mgid: BROADCAST,
    joinState: full,
  });
  query("the broadcast group stays", 2, McMask.Mgid, { mgid: BROADCAST });
}
