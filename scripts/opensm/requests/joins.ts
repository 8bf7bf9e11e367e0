/** Joins of existing groups. */

import {
  BROADCAST_JOIN_MASK,
  GROUP_JOIN_MASK,
  JoinState,
  LEAVE_MASK,
  McMask,
  type McMemberRecord,
} from "../../../src/wire/sa/mc_member_record.ts";
import { portGid } from "../fabric.ts";
import {
  BROADCAST,
  FOREIGN_GID,
  LINK_ONE,
  LINK_TWO,
  UNKNOWN_GID,
} from "./addresses.ts";
import { LIKE_BROADCAST, MTU, RATE } from "./member_masks.ts";
import type { RequestList } from "./request_list.ts";

export function addJoins({ join, leave }: RequestList): void {
  const full = JoinState.FullMember;
  join("join the broadcast group", 1, BROADCAST_JOIN_MASK, {
    mgid: BROADCAST,
    pkey: 0xffff,
    joinState: full,
  });
  join("join the broadcast group again", 1, BROADCAST_JOIN_MASK, {
    mgid: BROADCAST,
    pkey: 0xffff,
    joinState: full,
  });
  join("join the broadcast group as non-member too", 1, BROADCAST_JOIN_MASK, {
    mgid: BROADCAST,
    pkey: 0xffff,
    joinState: JoinState.NonMember,
  });
  join("join the broadcast group with all components", 2, GROUP_JOIN_MASK, {
    ...LIKE_BROADCAST,
    mgid: BROADCAST,
  });
  join("join with a limited P_Key", 3, BROADCAST_JOIN_MASK, {
    mgid: BROADCAST,
    pkey: 0x7fff,
    joinState: full,
  });
  for (const state of [2, 4, 8, 3, 15]) {
    join(`join with JoinState ${state}`, 4, BROADCAST_JOIN_MASK, {
      mgid: LINK_ONE,
      pkey: 0x8001,
      joinState: state,
    });
  }
  join("join with JoinState 0", 4, BROADCAST_JOIN_MASK, {
    mgid: BROADCAST,
    pkey: 0xffff,
  });
  const wrong = (name: string, bit: bigint, fields: Partial<McMemberRecord>) =>
    join(name, 4, LEAVE_MASK | bit, {
      mgid: BROADCAST,
      joinState: full,
      ...fields,
    });
  for (
    const [name, bit] of [
      ["MGID", McMask.Mgid],
      ["PortGID", McMask.PortGid],
      ["JoinState", McMask.JoinState],
    ] as const
  ) {
    join(`join without ${name}`, 4, BROADCAST_JOIN_MASK & ~bit, {
      mgid: BROADCAST,
      pkey: 0xffff,
      joinState: full,
    });
    leave(
      `leave without ${name}`,
      1,
      { mgid: BROADCAST, joinState: full },
      LEAVE_MASK & ~bit,
    );
  }
  wrong("join with the wrong P_Key", McMask.Pkey, { pkey: 0x8001 });
  wrong("join with P_Key 0", McMask.Pkey, { pkey: 0x8000 });
  wrong("join with the wrong Q_Key", McMask.Qkey, { qkey: 0xb1c });
  wrong("join with the wrong TClass", McMask.Tclass, { tclass: 1 });
  wrong("join with the wrong SL", McMask.Sl, { sl: 1 });
  wrong("join with the wrong FlowLabel", McMask.FlowLabel, { flowLabel: 1 });
  wrong("join with the wrong HopLimit", McMask.HopLimit, { hopLimit: 1 });
  wrong("join with another MLID", McMask.Mlid, { mlid: 0xc123 });
  wrong("join with the wrong scope", McMask.Scope, { scope: 5 });
  wrong(
    "join with another life time",
    McMask.Lifetime |
      McMask.LifetimeSelector,
    { lifetimeSelector: 2, lifetime: 3 },
  );
  wrong("join with MTU exactly 4096", MTU, { mtuSelector: 2, mtu: 5 });
  wrong("join with MTU exactly 2048", MTU, { mtuSelector: 2, mtu: 4 });
  wrong("join with MTU more than 2048", MTU, { mtuSelector: 0, mtu: 4 });
  wrong("join with MTU more than 1024", MTU, { mtuSelector: 0, mtu: 3 });
  wrong("join with MTU less than 2048", MTU, { mtuSelector: 1, mtu: 4 });
  wrong("join with MTU less than 4096", MTU, { mtuSelector: 1, mtu: 5 });
  wrong("join with the best MTU", MTU, { mtuSelector: 3, mtu: 1 });
  wrong("join with an undefined MTU", MTU, { mtuSelector: 2, mtu: 9 });
  wrong("join with an MTU, no selector", McMask.Mtu, {
    mtuSelector: 2,
    mtu: 9,
  });
  wrong("join with rate exactly 20", RATE, { rateSelector: 2, rate: 6 });
  wrong("join with rate exactly 10", RATE, { rateSelector: 2, rate: 3 });
  wrong("join with rate more than 10", RATE, { rateSelector: 0, rate: 3 });
  wrong("join with rate more than 5", RATE, { rateSelector: 0, rate: 5 });
  wrong("join with rate less than 10", RATE, { rateSelector: 1, rate: 3 });
  wrong("join with rate less than 14", RATE, { rateSelector: 1, rate: 11 });
  wrong("join with an undefined rate", RATE, { rateSelector: 2, rate: 30 });
  wrong("join for an unknown port", 0n, { portGid: UNKNOWN_GID });
  wrong("join for a port of another subnet", 0n, { portGid: FOREIGN_GID });
  join("join for another port", 1, BROADCAST_JOIN_MASK, {
    mgid: LINK_ONE,
    portGid: portGid(3),
    pkey: 0x8001,
    joinState: full,
  });
  join("join again for another port", 1, BROADCAST_JOIN_MASK, {
    mgid: BROADCAST,
    portGid: portGid(2),
    pkey: 0xffff,
    joinState: full,
  });
  join("join in a partition without membership", 4, BROADCAST_JOIN_MASK, {
    mgid: LINK_TWO,
    pkey: 0x8002,
    joinState: full,
  });
  join("join as a limited member", 2, BROADCAST_JOIN_MASK, {
    mgid: LINK_TWO,
    pkey: 0x8002,
    joinState: full,
  });
  join("join in a partition of three ports", 1, BROADCAST_JOIN_MASK, {
    mgid: LINK_TWO,
    pkey: 0x8002,
    joinState: full,
  });
}
