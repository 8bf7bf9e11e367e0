/**
 * What is asked of OpenSM, in this order: later requests meet the groups that earlier ones made.
 *
 * The partitions of the fabric are in {@linkcode PARTITIONS}.
 */

import { gidFrom } from "../../src/wire/gid.ts";
import { Method } from "../../src/wire/mad.ts";
import { broadcastMgid, ipv4Mgid } from "../../src/wire/mgid.ts";
import type { InformInfo } from "../../src/wire/sa/inform_info.ts";
import {
  BROADCAST_JOIN_MASK,
  GROUP_JOIN_MASK,
  JoinState,
  LEAVE_MASK,
  McMask,
  McMemberRecord,
} from "../../src/wire/sa/mc_member_record.ts";
import {
  IPOIB_PATH_MASK,
  PathMask,
  PathRecord,
} from "../../src/wire/sa/path_record.ts";
import { SaAttribute, SaMad } from "../../src/wire/sa/sa_mad.ts";
import { Selector } from "../../src/wire/sa/selector.ts";
import { emitInformInfo, informTrap } from "../../tests/wire/sa/subscriber.ts";
import { MANAGER_LID, portGuid, portLid } from "./fabric.ts";

/** One request of the port with this number. */
export interface Request {
  readonly name: string;
  readonly port: number;
  readonly mad: Uint8Array;
}

const guid = (n: number) => `0x${portGuid(n).toString(16).padStart(16, "0")}`;

/** All ports are full members of two IPoIB links; two more partitions have some of them. */
export const PARTITIONS = `Default=0x7fff, ipoib : ALL=full ;
one=0x0001, ipoib : ALL=full ;
two=0x0002, ipoib : ${guid(1)}=full, ${guid(2)}=limited, ${guid(3)}=limited ;
bare=0x0003 : ${guid(1)}=full, ${guid(2)}=full ;
`;

const PREFIX = 0xfe80000000000000n;
/** The GID of the n-th port. */
const gid = (n: number) => gidFrom(PREFIX, portGuid(n));
const STRANGER = gidFrom(PREFIX, 0x0002c90300009999n);
const FOREIGN = gidFrom(0xfec0000000000007n, portGuid(1));

const BROADCAST = broadcastMgid(0xffff);
const LINK_ONE = broadcastMgid(0x8001);
const LINK_TWO = broadcastMgid(0x8002);
/** The n-th IPv4 group of the default link. */
const group = (n: number) => ipv4Mgid(0xef000000 + n | 0, BROADCAST);
/** An MGID from its hexadecimal digits. */
const mgid = (text: string) => Uint8Array.fromHex(text.replaceAll(":", ""));
/** Without an IPoIB signature. */
const plain = (n: number) =>
  mgid(`ff12:1234:0000:0000:0000:0000:0000:${n.toString(16).padStart(4, "0")}`);

/** What IPoIB creates the groups of the default link with. */
const LIKE_BROADCAST = {
  qkey: 0xb1b,
  pkey: 0xffff,
  mtuSelector: Selector.Exactly,
  mtu: 4,
  rateSelector: Selector.Exactly,
  rate: 3,
  joinState: JoinState.FullMember,
};
/** Components without which nothing is created. */
const CREATE_MASK = LEAVE_MASK | McMask.Qkey | McMask.Tclass | McMask.Pkey |
  McMask.FlowLabel | McMask.Sl;
const MTU = McMask.Mtu | McMask.MtuSelector;
const RATE = McMask.Rate | McMask.RateSelector;

/** The requests with names of their own. */
export function requests(): Request[] {
  const list: Request[] = [];
  const ask = (name: string, port: number, fields: Partial<SaMad>) => {
    list.push({ name, port, mad: mad(list.length + 1, fields) });
  };
  const path = (
    name: string,
    port: number,
    componentMask: bigint,
    fields: Partial<PathRecord>,
    method: number = Method.Get,
  ) =>
    ask(name, port, {
      method,
      attributeId: SaAttribute.PathRecord,
      componentMask,
      data: PathRecord.emit(PathRecord.of(fields)),
    });
  const member = (
    name: string,
    port: number,
    method: number,
    componentMask: bigint,
    fields: Partial<McMemberRecord>,
  ) =>
    ask(name, port, {
      method,
      attributeId: SaAttribute.McMemberRecord,
      componentMask,
      data: McMemberRecord.emit(
        McMemberRecord.of({ portGid: gid(port), ...fields }),
      ),
    });
  const join = (
    name: string,
    port: number,
    componentMask: bigint,
    fields: Partial<McMemberRecord>,
  ) => member(name, port, Method.Set, componentMask, fields);
  const create = (
    name: string,
    port: number,
    componentMask: bigint,
    fields: Partial<McMemberRecord>,
  ) => join(name, port, componentMask, { ...LIKE_BROADCAST, ...fields });
  const leave = (
    name: string,
    port: number,
    fields: Partial<McMemberRecord>,
    componentMask = LEAVE_MASK,
  ) => member(name, port, Method.Delete, componentMask, fields);
  const inform = (name: string, fields: Partial<InformInfo>, trap = 66) =>
    ask(name, 1, {
      method: Method.Set,
      attributeId: SaAttribute.InformInfo,
      data: emitInformInfo({ ...informTrap(trap), ...fields }),
    });

  // What the administrator is, and what it is not asked.
  ask("Get(ClassPortInfo)", 1, { attributeId: SaAttribute.ClassPortInfo });
  ask("Set(ClassPortInfo)", 1, {
    method: Method.Set,
    attributeId: SaAttribute.ClassPortInfo,
  });
  ask("GetTable(ClassPortInfo)", 1, {
    method: Method.GetTable,
    attributeId: SaAttribute.ClassPortInfo,
  });
  ask("Get of an attribute that is not defined", 1, { attributeId: 0x7777 });
  ask("a method that is not defined", 1, { method: 0x30 });
  ask("GetMulti(PathRecord)", 1, { method: Method.GetMulti });
  ask("Set(PathRecord)", 1, { method: Method.Set });
  ask("Delete(PathRecord)", 1, { method: Method.Delete });
  ask("class version 1", 1, {
    classVersion: 1,
    attributeId: SaAttribute.ClassPortInfo,
  });
  ask("an SM_Key that is wrong", 1, {
    smKey: 0x1234n,
    attributeId: SaAttribute.ClassPortInfo,
  });
  ask("an attribute modifier", 1, {
    attributeModifier: 7,
    attributeId: SaAttribute.ClassPortInfo,
  });

  // Paths.
  const ends = PathMask.Sgid | PathMask.Dgid;
  const toTwo = { sgid: gid(1), dgid: gid(2) };
  path("path as ib_ipoib asks", 1, IPOIB_PATH_MASK, {
    ...toTwo,
    numbPath: 1,
    pkey: 0xffff,
  });
  path("path without a P_Key", 1, ends, toTwo);
  path("path to itself", 1, ends, { sgid: gid(1), dgid: gid(1) });
  path("path by LIDs", 1, PathMask.Slid | PathMask.Dlid, {
    slid: portLid(1),
    dlid: portLid(3),
  });
  path("path from and to others", 4, ends, { sgid: gid(1), dgid: gid(2) });
  path("path without a source", 1, PathMask.Dgid, { dgid: gid(2) });
  path("paths to one port", 1, PathMask.Dgid | PathMask.Sgid, toTwo, 0x12);
  path("path to an unknown GID", 1, ends, { sgid: gid(1), dgid: STRANGER });
  path("path from an unknown GID", 1, ends, { sgid: STRANGER, dgid: gid(1) });
  path("paths to an unknown GID", 1, ends, {
    sgid: gid(1),
    dgid: STRANGER,
  }, Method.GetTable);
  path("path to a GID of another subnet", 1, ends, {
    sgid: gid(1),
    dgid: gidFrom(0xfec0000000000007n, portGuid(2)),
  });
  path("path from a GID of another subnet", 1, ends, {
    sgid: FOREIGN,
    dgid: gid(2),
  });
  path("path to LID 0", 1, PathMask.Sgid | PathMask.Dlid, {
    sgid: gid(1),
    dlid: 0,
  });
  path("path to an unknown LID", 1, PathMask.Sgid | PathMask.Dlid, {
    sgid: gid(1),
    dlid: 77,
  });
  path("path from an unknown LID", 1, PathMask.Dgid | PathMask.Slid, {
    dgid: gid(2),
    slid: 77,
  });
  path("path whose DGID and DLID differ", 1, ends | PathMask.Dlid, {
    ...toTwo,
    dlid: portLid(3),
  });
  path("path whose SGID and SLID differ", 1, ends | PathMask.Slid, {
    ...toTwo,
    slid: portLid(3),
  });
  const pkey = (name: string, value: number, from: number, to: number) =>
    path(name, 1, ends | PathMask.Pkey, {
      sgid: gid(from),
      dgid: gid(to),
      pkey: value,
    });
  pkey("path in a partition of both", 0x8001, 1, 2);
  pkey("path in a partition, without the full bit", 0x0001, 1, 2);
  pkey("path from a full to a limited member", 0x8002, 1, 2);
  pkey("path from a limited to a full member", 0x0002, 2, 1);
  pkey("path from a limited member, with the full bit", 0x8002, 2, 1);
  pkey("path between limited members", 0x8002, 2, 3);
  pkey("path in a partition of one of the two", 0x8003, 1, 3);
  pkey("path in an unknown partition", 0x8044, 1, 2);
  pkey("path with P_Key 0", 0, 1, 2);
  const mtu = (name: string, mtuSelector: number, mtu: number) =>
    path(name, 1, ends | PathMask.Mtu | PathMask.MtuSelector, {
      ...toTwo,
      mtuSelector,
      mtu,
    });
  mtu("path with MTU exactly 2048", Selector.Exactly, 4);
  mtu("path with MTU exactly 1024", Selector.Exactly, 3);
  mtu("path with MTU exactly 4096", Selector.Exactly, 5);
  mtu("path with MTU more than 1024", Selector.GreaterThan, 3);
  mtu("path with MTU more than 2048", Selector.GreaterThan, 4);
  mtu("path with MTU less than 2048", Selector.LessThan, 4);
  mtu("path with MTU less than 4096", Selector.LessThan, 5);
  mtu("path with MTU less than 256", Selector.LessThan, 1);
  mtu("path with the largest MTU", Selector.Best, 3);
  mtu("path with an MTU that is not defined", Selector.Exactly, 9);
  const rate = (name: string, rateSelector: number, rate: number) =>
    path(name, 1, ends | PathMask.Rate | PathMask.RateSelector, {
      ...toTwo,
      rateSelector,
      rate,
    });
  rate("path with rate exactly 100 Gb/s", Selector.Exactly, 16);
  rate("path with rate exactly 10 Gb/s", Selector.Exactly, 3);
  rate("path with rate more than 56 Gb/s", Selector.GreaterThan, 12);
  rate("path with rate more than 100 Gb/s", Selector.GreaterThan, 16);
  rate("path with rate less than 100 Gb/s", Selector.LessThan, 16);
  rate("path with rate less than 200 Gb/s", Selector.LessThan, 17);
  rate("path with rate exactly 400 Gb/s", Selector.Exactly, 21);
  rate("path with the best rate", Selector.Best, 2);
  rate("path with a rate that is not defined", Selector.Exactly, 1);
  const lifetime = (name: string, lifetimeSelector: number, value: number) =>
    path(name, 1, ends | PathMask.Lifetime | PathMask.LifetimeSelector, {
      ...toTwo,
      lifetimeSelector,
      lifetime: value,
    });
  lifetime("path with life time exactly 18", Selector.Exactly, 18);
  lifetime("path with life time less than 18", Selector.LessThan, 18);
  lifetime("path with life time more than 10", Selector.GreaterThan, 10);
  lifetime("path with life time less than 20", Selector.LessThan, 20);
  path("path with SL 0", 1, ends | PathMask.Sl, toTwo);
  path("path with SL 3", 1, ends | PathMask.Sl, { ...toTwo, sl: 3 });
  path("path with half a ServiceID", 1, ends | 1n, {
    ...toTwo,
    serviceId: 0x1000000000n,
  });
  path("path with a ServiceID", 1, ends | PathMask.ServiceId, {
    ...toTwo,
    serviceId: 0x1000000000n,
  });
  path(
    "path with a TClass and a FlowLabel",
    1,
    ends | PathMask.Tclass |
      PathMask.FlowLabel,
    { ...toTwo, tclass: 5, flowLabel: 0x123 },
  );
  path("path with a hop limit", 1, ends | PathMask.HopLimit, {
    ...toTwo,
    hopLimit: 3,
  });
  path("reversible path", 1, ends | PathMask.Reversible, {
    ...toTwo,
    reversible: true,
  });
  path("path that need not be reversible", 1, ends | PathMask.Reversible, {
    ...toTwo,
  });
  path("no path at all", 1, ends | PathMask.NumbPath, toTwo);
  path("raw path", 1, ends | PathMask.RawTraffic, {
    ...toTwo,
    rawTraffic: true,
  });

  // Joining what exists.
  const full = JoinState.FullMember;
  join("join the broadcast group", 1, BROADCAST_JOIN_MASK, {
    mgid: BROADCAST,
    pkey: 0xffff,
    joinState: full,
  });
  join("join it again", 1, BROADCAST_JOIN_MASK, {
    mgid: BROADCAST,
    pkey: 0xffff,
    joinState: full,
  });
  join("join it as non-member too", 1, BROADCAST_JOIN_MASK, {
    mgid: BROADCAST,
    pkey: 0xffff,
    joinState: JoinState.NonMember,
  });
  join("join it with everything", 2, GROUP_JOIN_MASK, {
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
  const size = (name: string, bits: bigint, fields: Partial<McMemberRecord>) =>
    wrong(name, bits, fields);
  size("join with MTU exactly 4096", MTU, { mtuSelector: 2, mtu: 5 });
  size("join with MTU exactly 2048", MTU, { mtuSelector: 2, mtu: 4 });
  size("join with MTU more than 2048", MTU, { mtuSelector: 0, mtu: 4 });
  size("join with MTU more than 1024", MTU, { mtuSelector: 0, mtu: 3 });
  size("join with MTU less than 2048", MTU, { mtuSelector: 1, mtu: 4 });
  size("join with MTU less than 4096", MTU, { mtuSelector: 1, mtu: 5 });
  size("join with the best MTU", MTU, { mtuSelector: 3, mtu: 1 });
  size("join with an undefined MTU", MTU, { mtuSelector: 2, mtu: 9 });
  size("join with an MTU, no selector", McMask.Mtu, { mtuSelector: 2, mtu: 9 });
  size("join with rate exactly 20", RATE, { rateSelector: 2, rate: 6 });
  size("join with rate exactly 10", RATE, { rateSelector: 2, rate: 3 });
  size("join with rate more than 10", RATE, { rateSelector: 0, rate: 3 });
  size("join with rate more than 5", RATE, { rateSelector: 0, rate: 5 });
  size("join with rate less than 10", RATE, { rateSelector: 1, rate: 3 });
  size("join with rate less than 14", RATE, { rateSelector: 1, rate: 11 });
  size("join with an undefined rate", RATE, { rateSelector: 2, rate: 30 });
  wrong("join for an unknown port", 0n, { portGid: STRANGER });
  wrong("join for a port of another subnet", 0n, { portGid: FOREIGN });
  join("join for another port", 1, BROADCAST_JOIN_MASK, {
    mgid: LINK_ONE,
    portGid: gid(3),
    pkey: 0x8001,
    joinState: full,
  });
  join("join again for another port", 1, BROADCAST_JOIN_MASK, {
    mgid: BROADCAST,
    portGid: gid(2),
    pkey: 0xffff,
    joinState: full,
  });
  join("join in a partition of others", 4, BROADCAST_JOIN_MASK, {
    mgid: LINK_TWO,
    pkey: 0x8002,
    joinState: full,
  });
  join("join as a limited member", 2, BROADCAST_JOIN_MASK, {
    mgid: LINK_TWO,
    pkey: 0x8002,
    joinState: full,
  });
  join("join in the partition of a few", 1, BROADCAST_JOIN_MASK, {
    mgid: LINK_TWO,
    pkey: 0x8002,
    joinState: full,
  });

  // Creating.
  create("create a group as ib_ipoib does", 1, GROUP_JOIN_MASK, {
    mgid: group(1),
  });
  create("join it as a second port", 2, GROUP_JOIN_MASK, { mgid: group(1) });
  create("create a group by sending only", 1, GROUP_JOIN_MASK, {
    mgid: group(2),
    joinState: JoinState.SendOnlyFullMember,
  });
  create("create an IPv6 group", 1, GROUP_JOIN_MASK, {
    mgid: mgid("ff12:601b:ffff:0000:0000:0001:ff00:0005"),
  });
  create("create as non-member", 1, GROUP_JOIN_MASK, {
    mgid: group(3),
    joinState: JoinState.NonMember,
  });
  create("create by sending only, not a member", 1, GROUP_JOIN_MASK, {
    mgid: group(3),
    joinState: JoinState.SendOnlyNonMember,
  });
  create("create with the broadcast group's mask", 1, BROADCAST_JOIN_MASK, {
    mgid: group(3),
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
      mgid: group(3),
    });
  }
  create("create with the least", 1, CREATE_MASK, { mgid: group(4) });
  create("create with another Q_Key", 1, GROUP_JOIN_MASK, {
    mgid: group(5),
    qkey: 0xb1c,
  });
  create("create with another P_Key", 1, GROUP_JOIN_MASK, {
    mgid: group(5),
    pkey: 0x8001,
  });
  create("create with another TClass", 1, GROUP_JOIN_MASK, {
    mgid: group(5),
    tclass: 7,
  });
  create("create with another SL", 1, GROUP_JOIN_MASK, {
    mgid: group(5),
    sl: 2,
  });
  create("create with another FlowLabel", 1, GROUP_JOIN_MASK, {
    mgid: group(5),
    flowLabel: 2,
  });
  create("create with another HopLimit", 1, GROUP_JOIN_MASK, {
    mgid: group(5),
    hopLimit: 2,
  });
  create(
    "create with another life time",
    1,
    GROUP_JOIN_MASK |
      McMask.Lifetime | McMask.LifetimeSelector,
    {
      mgid: group(6),
      lifetimeSelector: 2,
      lifetime: 14,
    },
  );
  create("create with an MLID", 1, GROUP_JOIN_MASK | McMask.Mlid, {
    mgid: group(7),
    mlid: 0xc111,
  });
  create(
    "create with an MLID that is taken",
    1,
    GROUP_JOIN_MASK |
      McMask.Mlid,
    { mgid: group(8), mlid: 0xc111 },
  );
  create("create where there is no broadcast group", 1, GROUP_JOIN_MASK, {
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
    "create with a scope that is not the MGID's",
    1,
    GROUP_JOIN_MASK |
      McMask.Scope,
    { mgid: group(9), scope: 5 },
  );
  create("create in a partition of others", 4, CREATE_MASK, {
    mgid: plain(1),
    pkey: 0x8002,
  });
  create("create in an unknown partition", 4, CREATE_MASK, {
    mgid: plain(1),
    pkey: 0x8044,
  });
  create("create with P_Key 0", 4, CREATE_MASK, { mgid: plain(1), pkey: 0 });
  create("create a group without a signature", 1, CREATE_MASK, {
    mgid: plain(2),
    qkey: 0x1234,
    tclass: 3,
    sl: 0,
    flowLabel: 0x77,
  });
  create("create with an SL", 1, CREATE_MASK, { mgid: plain(3), sl: 5 });
  create("create with a HopLimit", 1, CREATE_MASK | McMask.HopLimit, {
    mgid: plain(4),
    hopLimit: 9,
  });
  create("create with a HopLimit outside the mask", 1, CREATE_MASK, {
    mgid: plain(5),
    hopLimit: 9,
  });
  create("create with reserved flags", 1, CREATE_MASK, {
    mgid: mgid("ff32:1234:0000:0000:0000:0000:0000:0001"),
  });
  create("create with the administrator's signature", 1, CREATE_MASK, {
    mgid: mgid("ff12:a01b:fe80:0000:0000:0000:0000:0001"),
  });
  create("create with the signature in another scope", 1, CREATE_MASK, {
    mgid: mgid("ff15:a01b:fe80:0000:0000:0000:0000:0001"),
  });
  create("create with an MGID that is none", 1, CREATE_MASK, { mgid: gid(3) });
  create("create with an MGID of zeros", 1, CREATE_MASK, {
    mgid: new Uint8Array(16),
  });
  create("create with another MGID of zeros", 1, CREATE_MASK | McMask.Scope, {
    mgid: new Uint8Array(16),
    scope: 5,
  });
  let next = 0x100;
  const sized = (name: string, bits: bigint, fields: Partial<McMemberRecord>) =>
    create(name, 1, CREATE_MASK | bits, { mgid: plain(next++), ...fields });
  sized("create, MTU exactly 256", MTU, { mtuSelector: 2, mtu: 1 });
  sized("create, MTU exactly 4096", MTU, { mtuSelector: 2, mtu: 5 });
  sized("create, MTU more than 1024", MTU, { mtuSelector: 0, mtu: 3 });
  sized("create, MTU more than 2048", MTU, { mtuSelector: 0, mtu: 4 });
  sized("create, MTU less than 2048", MTU, { mtuSelector: 1, mtu: 4 });
  sized("create, MTU less than 4096", MTU, { mtuSelector: 1, mtu: 5 });
  sized("create, MTU less than 256", MTU, { mtuSelector: 1, mtu: 1 });
  sized("create, best MTU", MTU, { mtuSelector: 3, mtu: 1 });
  sized("create, MTU without selector", McMask.Mtu, { mtuSelector: 0, mtu: 1 });
  sized("create, MTU not defined", MTU, { mtuSelector: 2, mtu: 0 });
  sized("create, rate exactly 40", RATE, { rateSelector: 2, rate: 7 });
  sized("create, rate exactly 200", RATE, { rateSelector: 2, rate: 17 });
  sized("create, rate more than 56", RATE, { rateSelector: 0, rate: 12 });
  sized("create, rate more than 100", RATE, { rateSelector: 0, rate: 16 });
  sized("create, rate less than 100", RATE, { rateSelector: 1, rate: 16 });
  sized("create, rate less than 200", RATE, { rateSelector: 1, rate: 17 });
  sized("create, rate less than 40", RATE, { rateSelector: 1, rate: 7 });
  sized("create, rate less than 2.5", RATE, { rateSelector: 1, rate: 2 });
  sized("create, best rate", RATE, { rateSelector: 3, rate: 2 });
  sized("create, rate not defined", RATE, { rateSelector: 2, rate: 63 });

  // Asking for groups.
  const query = (
    name: string,
    port: number,
    componentMask: bigint,
    fields: Partial<McMemberRecord>,
    method: number = Method.Get,
  ) => member(name, port, method, componentMask, fields);
  query("group by MGID", 1, McMask.Mgid, { mgid: BROADCAST });
  query("group by MLID", 1, McMask.Mlid, { mlid: 0xc111 });
  query("group by MGID and port", 1, McMask.Mgid | McMask.PortGid, {
    mgid: group(1),
  });
  query("group by a port that is no member", 4, McMask.Mgid | McMask.PortGid, {
    mgid: group(1),
  });
  query("unknown group", 1, McMask.Mgid, { mgid: group(0x77) });
  query("group of a partition of others", 4, McMask.Mgid, { mgid: LINK_TWO });
  query("group of a few, asked by a limited member", 2, McMask.Mgid, {
    mgid: LINK_TWO,
  });
  query("too many groups for one", 1, 0n, {});
  query("groups by P_Key", 2, McMask.Pkey, { pkey: 0x8001 }, Method.GetTable);
  query("groups by a limited P_Key", 2, McMask.Pkey, {
    pkey: 0x0001,
  }, Method.GetTable);
  query("no groups", 1, McMask.Qkey, { qkey: 0x9999 }, Method.GetTable);
  query("groups of a Q_Key", 1, McMask.Qkey, {
    qkey: 0x1234,
  }, Method.GetTable);
  query("groups of a port", 3, McMask.PortGid, {}, Method.GetTable);
  query("groups of a join state", 2, McMask.PortGid | McMask.JoinState, {
    joinState: 1,
  }, Method.GetTable);
  query("groups of a wide scope", 1, McMask.Scope, {
    scope: 5,
  }, Method.GetTable);
  query("groups of MTU less than 512", 1, MTU, {
    mtuSelector: 1,
    mtu: 2,
  }, Method.GetTable);
  query("groups of rate exactly 40", 1, RATE, {
    rateSelector: 2,
    rate: 7,
  }, Method.GetTable);
  query("groups of an undefined MTU", 1, MTU, {
    mtuSelector: 2,
    mtu: 9,
  }, Method.GetTable);
  query("GetMulti of groups", 1, 0n, {}, Method.GetMulti);
  path("path to a group", 1, ends, { sgid: gid(1), dgid: BROADCAST });
  path("path to a group without a source", 1, PathMask.Dgid, {
    dgid: group(1),
  });
  path("path to a group of others", 4, ends, {
    sgid: gid(4),
    dgid: LINK_TWO,
  });
  path("path to an unknown group", 1, ends, {
    sgid: gid(1),
    dgid: group(0x77),
  });
  path("path to a group, wrong P_Key", 1, ends | PathMask.Pkey, {
    sgid: gid(1),
    dgid: group(1),
    pkey: 0x8001,
  });
  path("path to a group as ib_ipoib would ask", 1, IPOIB_PATH_MASK, {
    sgid: gid(1),
    dgid: group(1),
    numbPath: 1,
    pkey: 0xffff,
  });

  // Members, to who has the key.
  ask("members with the SM_Key", 2, {
    smKey: 1n,
    method: Method.GetTable,
    attributeId: SaAttribute.McMemberRecord,
    componentMask: McMask.Mgid,
    data: McMemberRecord.emit(McMemberRecord.of({ mgid: group(1) })),
  });
  ask("one member with the SM_Key", 2, {
    smKey: 1n,
    attributeId: SaAttribute.McMemberRecord,
    componentMask: McMask.Mgid | McMask.PortGid,
    data: McMemberRecord.emit(
      McMemberRecord.of({ mgid: LINK_ONE, portGid: gid(3) }),
    ),
  });

  // Leaving.
  leave("leave a group that one was not in", 4, {
    mgid: group(1),
    joinState: full,
  });
  leave("leave a group that does not exist", 1, {
    mgid: group(0x77),
    joinState: full,
  });
  leave("leave with JoinState 0", 1, { mgid: group(1) });
  leave("leave with a state that is not there", 1, {
    mgid: group(1),
    joinState: JoinState.SendOnlyFullMember,
  });
  leave("leave with more than is there", 1, {
    mgid: group(1),
    joinState: 9,
  });
  leave("leave for another port", 1, {
    mgid: group(1),
    portGid: gid(2),
    joinState: full,
  });
  leave("leave for an unknown port", 1, {
    mgid: group(1),
    portGid: STRANGER,
    joinState: full,
  });
  leave("leave with another subnet's GID", 1, {
    mgid: group(1),
    portGid: FOREIGN,
    joinState: full,
  });
  leave("leave with some of the states", 4, { mgid: LINK_ONE, joinState: 1 });
  leave("leave with the other states", 4, { mgid: LINK_ONE, joinState: 14 });
  leave("leave for a port that was joined by others", 4, {
    mgid: LINK_ONE,
    portGid: gid(3),
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
  leave("leave as the last but one member", 1, {
    mgid: LINK_TWO,
    joinState: full,
  });
  leave("leave as non-member", 1, { mgid: LINK_TWO, joinState: 2 });
  leave("leave", 2, { mgid: group(1), joinState: full });
  leave("leave as the last", 1, { mgid: group(1), joinState: full });
  query("the group is gone", 1, McMask.Mgid, { mgid: group(1) });
  leave("leave the broadcast group", 2, { mgid: BROADCAST, joinState: full });
  leave("leave it again", 2, { mgid: BROADCAST, joinState: full });
  query("the broadcast group stays", 2, McMask.Mgid, { mgid: BROADCAST });

  // Subscriptions.
  inform("subscribe to trap 66", {});
  inform("subscribe again", {});
  inform("subscribe to everything", {}, 0xffff);
  inform("subscribe to a LID", { lidRangeBegin: portLid(2) });
  inform("subscribe to a LID that is not there", { lidRangeBegin: 0x7777 });
  inform("subscribe to a GID", { gid: gid(2) });
  inform("subscribe to an unknown GID", { gid: STRANGER });
  inform("cancel a subscription", { subscribe: false });
  inform("cancel it again", { subscribe: false });
  inform("cancel one that was never there", { subscribe: false }, 67);
  ask("Get(InformInfo)", 1, { attributeId: SaAttribute.InformInfo });
  ask("Get(Notice)", 1, { attributeId: SaAttribute.Notice });
  ask("Get(MultiPathRecord)", 1, { attributeId: SaAttribute.MultiPathRecord });

  // Other records, by the LID of a port.
  const lidKey = (lid: number) => Uint8Array.of(lid >> 8, lid & 0xff);
  for (
    const [name, attributeId] of [
      ["NodeRecord", SaAttribute.NodeRecord],
      ["PortInfoRecord", SaAttribute.PortInfoRecord],
      ["P_KeyTableRecord", SaAttribute.PkeyTableRecord],
    ] as const
  ) {
    for (
      const [what, lid] of [
        ["of a port", portLid(2)],
        ["of the manager", MANAGER_LID],
        ["of an unknown LID", 77],
      ] as const
    ) {
      ask(`Get(${name}) ${what}`, 1, {
        attributeId,
        componentMask: 1n,
        data: lidKey(lid),
      });
    }
    ask(`Get(${name}) of all`, 1, { attributeId });
    ask(`Set(${name})`, 1, { attributeId, method: Method.Set });
    ask(`GetTable(${name}) of a port`, 1, {
      attributeId,
      method: Method.GetTable,
      componentMask: 1n,
      data: lidKey(portLid(3)),
    });
    ask(`GetTable(${name}) of none`, 1, {
      attributeId,
      method: Method.GetTable,
      componentMask: 1n,
      data: lidKey(77),
    });
  }
  for (const lid of [portLid(1), portLid(2), 77]) {
    ask(`GetTable(P_KeyTableRecord) of LID ${lid} with the SM_Key`, 4, {
      smKey: 1n,
      attributeId: SaAttribute.PkeyTableRecord,
      method: Method.GetTable,
      // LID and block.
      componentMask: 3n,
      data: lidKey(lid),
    });
  }
  return list;
}

function mad(transactionId: number, fields: Partial<SaMad>): Uint8Array {
  return SaMad.emit(SaMad.of({
    method: Method.Get,
    transactionId: BigInt(transactionId),
    attributeId: SaAttribute.PathRecord,
    ...fields,
  }));
}
