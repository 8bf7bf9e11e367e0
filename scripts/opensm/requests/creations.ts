/** Joins that create a group. */

import { broadcastMgid, ipv4Mgid } from "../../../src/wire/mgid.ts";
import {
  BROADCAST_JOIN_MASK,
  GROUP_JOIN_MASK,
  JoinState,
  McMask,
  type McMemberRecord,
} from "../../../src/wire/sa/mc_member_record.ts";
import { portGid } from "../fabric.ts";
import { ipv4Group, mgidOf, unsignedGroup } from "./addresses.ts";
import { CREATE_MASK, MTU, RATE } from "./member_masks.ts";
import type { RequestList } from "./request_list.ts";

export function addCreations({ create }: RequestList): void {
  create(
    "create a group with the component mask of ib_ipoib",
    1,
    GROUP_JOIN_MASK,
    {
      mgid: ipv4Group(1),
    },
  );
  create("join the new group from a second port", 2, GROUP_JOIN_MASK, {
    mgid: ipv4Group(1),
  });
  create("create a group as send-only full member", 1, GROUP_JOIN_MASK, {
    mgid: ipv4Group(2),
    joinState: JoinState.SendOnlyFullMember,
  });
  create("create an IPv6 group", 1, GROUP_JOIN_MASK, {
    mgid: mgidOf("ff12:601b:ffff:0000:0000:0001:ff00:0005"),
  });
  create("create as non-member", 1, GROUP_JOIN_MASK, {
    mgid: ipv4Group(3),
    joinState: JoinState.NonMember,
  });
  create("create as send-only non-member", 1, GROUP_JOIN_MASK, {
    mgid: ipv4Group(3),
    joinState: JoinState.SendOnlyNonMember,
  });
  create("create with the broadcast group's mask", 1, BROADCAST_JOIN_MASK, {
    mgid: ipv4Group(3),
  });
  for (
    const [name, bit] of [
      ["Q_Key", McMask.Qkey],
      ["TClass", McMask.Tclass],
      ["P_Key", McMask.Pkey],
      ["FlowLabel", McMask.FlowLabel],
      ["SL", McMask.Sl],
      ["JoinState", McMask.JoinState],
    ] as const
  ) {
    create(`create without ${name}`, 1, GROUP_JOIN_MASK & ~bit, {
      mgid: ipv4Group(3),
    });
  }
  create("create with the minimum components", 1, CREATE_MASK, {
    mgid: ipv4Group(4),
  });
  create("create with another Q_Key", 1, GROUP_JOIN_MASK, {
    mgid: ipv4Group(5),
    qkey: 0xb1c,
  });
  create("create with another P_Key", 1, GROUP_JOIN_MASK, {
    mgid: ipv4Group(5),
    pkey: 0x8001,
  });
  create("create with another TClass", 1, GROUP_JOIN_MASK, {
    mgid: ipv4Group(5),
    tclass: 7,
  });
  create("create with another SL", 1, GROUP_JOIN_MASK, {
    mgid: ipv4Group(5),
    sl: 2,
  });
  create("create with another FlowLabel", 1, GROUP_JOIN_MASK, {
    mgid: ipv4Group(5),
    flowLabel: 2,
  });
  create("create with another HopLimit", 1, GROUP_JOIN_MASK, {
    mgid: ipv4Group(5),
    hopLimit: 2,
  });
  create(
    "create with another life time",
    1,
    GROUP_JOIN_MASK |
      McMask.Lifetime | McMask.LifetimeSelector,
    {
      mgid: ipv4Group(6),
      lifetimeSelector: 2,
      lifetime: 14,
    },
  );
  create("create with an MLID", 1, GROUP_JOIN_MASK | McMask.Mlid, {
    mgid: ipv4Group(7),
    mlid: 0xc111,
  });
  create(
    "create with an MLID in use",
    1,
    GROUP_JOIN_MASK |
      McMask.Mlid,
    { mgid: ipv4Group(8), mlid: 0xc111 },
  );
  create("create in a partition without broadcast group", 1, GROUP_JOIN_MASK, {
    mgid: ipv4Mgid(0xef000001 | 0, broadcastMgid(0x8003)),
    pkey: 0x8003,
  });
  create("create a broadcast group", 1, GROUP_JOIN_MASK, {
    mgid: broadcastMgid(0x8003),
    pkey: 0x8003,
  });
  create("create in another scope", 1, GROUP_JOIN_MASK, {
    mgid: ipv4Mgid(0xef000001 | 0, broadcastMgid(0xffff, 5)),
  });
  create(
    "create with a scope other than the MGID's",
    1,
    GROUP_JOIN_MASK |
      McMask.Scope,
    { mgid: ipv4Group(9), scope: 5 },
  );
  create("create in a partition without membership", 4, CREATE_MASK, {
    mgid: unsignedGroup(1),
    pkey: 0x8002,
  });
  create("create in an unknown partition", 4, CREATE_MASK, {
    mgid: unsignedGroup(1),
    pkey: 0x8044,
  });
  create("create with P_Key 0", 4, CREATE_MASK, {
    mgid: unsignedGroup(1),
    pkey: 0,
  });
  create("create a group without a signature", 1, CREATE_MASK, {
    mgid: unsignedGroup(2),
    qkey: 0x1234,
    tclass: 3,
    sl: 0,
    flowLabel: 0x77,
  });
  create("create with an SL", 1, CREATE_MASK, {
    mgid: unsignedGroup(3),
    sl: 5,
  });
  create("create with a HopLimit", 1, CREATE_MASK | McMask.HopLimit, {
    mgid: unsignedGroup(4),
    hopLimit: 9,
  });
  create("create with a HopLimit outside the mask", 1, CREATE_MASK, {
    mgid: unsignedGroup(5),
    hopLimit: 9,
  });
  create("create with reserved flags", 1, CREATE_MASK, {
    mgid: mgidOf("ff32:1234:0000:0000:0000:0000:0000:0001"),
  });
  create("create with the administrator's signature", 1, CREATE_MASK, {
    mgid: mgidOf("ff12:a01b:fe80:0000:0000:0000:0000:0001"),
  });
  create("create with the signature in another scope", 1, CREATE_MASK, {
    mgid: mgidOf("ff15:a01b:fe80:0000:0000:0000:0000:0001"),
  });
  create("create with a unicast GID as MGID", 1, CREATE_MASK, {
    mgid: portGid(3),
  });
  create("create with an MGID of zeros", 1, CREATE_MASK, {
    mgid: new Uint8Array(16),
  });
  create(
    "create with an MGID of zeros and a scope",
    1,
    CREATE_MASK | McMask.Scope,
    {
      mgid: new Uint8Array(16),
      scope: 5,
    },
  );
  let next = 0x100;
  const sized = (name: string, bits: bigint, fields: Partial<McMemberRecord>) =>
    create(name, 1, CREATE_MASK | bits, {
      mgid: unsignedGroup(next++),
      ...fields,
    });
  sized("create, MTU exactly 256", MTU, { mtuSelector: 2, mtu: 1 });
  sized("create, MTU exactly 4096", MTU, { mtuSelector: 2, mtu: 5 });
  sized("create, MTU more than 1024", MTU, { mtuSelector: 0, mtu: 3 });
  sized("create, MTU more than 2048", MTU, { mtuSelector: 0, mtu: 4 });
  sized("create, MTU less than 2048", MTU, { mtuSelector: 1, mtu: 4 });
  sized("create, MTU less than 4096", MTU, { mtuSelector: 1, mtu: 5 });
  sized("create, MTU less than 256", MTU, { mtuSelector: 1, mtu: 1 });
  sized("create, best MTU", MTU, { mtuSelector: 3, mtu: 1 });
  sized("create, MTU without selector", McMask.Mtu, { mtuSelector: 0, mtu: 1 });
  sized("create, undefined MTU", MTU, { mtuSelector: 2, mtu: 0 });
  sized("create, rate exactly 40", RATE, { rateSelector: 2, rate: 7 });
  sized("create, rate exactly 200", RATE, { rateSelector: 2, rate: 17 });
  sized("create, rate more than 56", RATE, { rateSelector: 0, rate: 12 });
  sized("create, rate more than 100", RATE, { rateSelector: 0, rate: 16 });
  sized("create, rate less than 100", RATE, { rateSelector: 1, rate: 16 });
  sized("create, rate less than 200", RATE, { rateSelector: 1, rate: 17 });
  sized("create, rate less than 40", RATE, { rateSelector: 1, rate: 7 });
  sized("create, rate less than 2.5", RATE, { rateSelector: 1, rate: 2 });
  sized("create, best rate", RATE, { rateSelector: 3, rate: 2 });
  sized("create, undefined rate", RATE, { rateSelector: 2, rate: 63 });
}
