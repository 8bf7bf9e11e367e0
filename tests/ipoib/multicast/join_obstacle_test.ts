/** Reasons for refused joins: every field of the request and the port that a group may not match. */

import { assertEquals } from "@std/assert";
import { FakeFabric } from "../../../src/hca/fake.ts";
import type { PortAttributes } from "../../../src/hca/port_attributes.ts";
import {
  obstacleOfBroadcast,
  obstacleOfGroup,
  obstacleToCreation,
  type RefusedJoin,
} from "../../../src/ipoib/multicast/join_obstacle.ts";
import {
  broadcastJoin,
  groupJoin,
  type MembershipRequest,
} from "../../../src/sa/requests.ts";
import { MadStatus } from "../../../src/wire/mad.ts";
import { broadcastMgid, ipv4Mgid } from "../../../src/wire/mgid.ts";
import {
  JoinState,
  McMemberRecord,
} from "../../../src/wire/sa/mc_member_record.ts";

const PKEY = 0x8001;
const BROADCAST = broadcastMgid(PKEY);
const LINK = McMemberRecord.of({
  mgid: BROADCAST,
  qkey: 0x0b1b,
  pkey: PKEY,
  mtu: 4,
  rate: 3,
});
/** An active port with 4 lanes of 25 Gb/s and an MTU of 2048. */
const PORT: PortAttributes = new FakeFabric().addPort({ pkeys: [PKEY] })
  .attributes;
const MGID = ipv4Mgid(0xef010203 | 0, BROADCAST);

function refused(
  request: MembershipRequest,
  port: Partial<PortAttributes> = {},
  status: number = MadStatus.RequestInvalid,
): RefusedJoin {
  return { request, status, port: { ...PORT, ...port }, pkey: PKEY };
}

const ofGroup = (port?: Partial<PortAttributes>) =>
  refused(groupJoin(MGID, PORT.gid, LINK), port);
const ofBroadcast = (
  port?: Partial<PortAttributes>,
  status?: number,
) => refused(broadcastJoin(BROADCAST, PORT.gid, PKEY), port, status);

const FIELDS: [Partial<McMemberRecord>, string][] = [
  [
    { qkey: 0x1234 },
    "has Q_Key 0x00001234, the join requires 0x00000b1b",
  ],
  [{ pkey: 0x8002 }, "has P_Key 0x8002, the join requires 0x8001"],
  [{ tclass: 9 }, "has TClass 9, the join requires 0"],
  [{ sl: 3 }, "has SL 3, the join requires 0"],
  [{ flowLabel: 7 }, "has FlowLabel 0x00007, the join requires 0x00000"],
  [{ hopLimit: 255 }, "has HopLimit 255, the join requires 0"],
  [{ mtu: 3 }, "has MTU 1024, the join requires exactly 2048"],
  [
    { mtu: 5 },
    "has MTU 4096, the join requires exactly 2048; has MTU 4096, the port has 2048",
  ],
  [
    { rate: 16 },
    "has rate 100 Gb/sec, the join requires exactly 10 Gb/sec",
  ],
  [
    { qkey: 1, sl: 3 },
    "has Q_Key 0x00000001, the join requires 0x00000b1b; has SL 3, the join requires 0",
  ],
];

for (const [fields, obstacle] of FIELDS) {
  Deno.test(`a group that ${obstacle}`, () => {
    assertEquals(obstacleOfGroup(ofGroup(), { ...LINK, ...fields }), obstacle);
  });
}

const PORTS: [Partial<McMemberRecord>, Partial<PortAttributes>, string][] = [
  [{ mtu: 5 }, {}, "has MTU 4096, the port has 2048"],
  [{ mtu: 7 }, {}, "has MTU 10240 (Omni-Path), the port has 2048"],
  [{ rate: 17 }, {}, "has rate 200 Gb/sec, the port has 100 Gb/sec"],
  [
    { rate: 16 },
    { activeWidth: 4, laneMbps: 10_000 },
    "has rate 100 Gb/sec, the port has 40 Gb/sec",
  ],
  // Rates are in the order of their data rates: 24 Gb/s of 12X SDR are less than the 25 Gb/s of 1X EDR.
  [
    { rate: 15 },
    { activeWidth: 12, laneMbps: 2500 },
    "has rate 25 Gb/sec, the port has 30 Gb/sec",
  ],
  [{ pkey: 0x8002 }, {}, "has P_Key 0x8002, the join requires 0x8001"],
];

for (const [fields, port, obstacle] of PORTS) {
  Deno.test(`a broadcast group that ${obstacle}`, () => {
    const group = { ...LINK, ...fields };
    assertEquals(obstacleOfGroup(ofBroadcast(port), group), obstacle);
  });
}

Deno.test("a rate of the port without a code is not compared", () => {
  const join = ofBroadcast({ activeWidth: 3, laneMbps: 7000 });
  assertEquals(
    obstacleOfGroup(join, { ...LINK, rate: 22 }),
    "is refused, although its parameters match the join; the log of the subnet manager has the reason",
  );
});

Deno.test("a broadcast group whose parameters match the join of a limited member", () => {
  assertEquals(
    obstacleOfGroup(ofBroadcast({ pkeys: [0x7fff, 0x0001] }), LINK),
    "is refused, although its parameters match the join; the port is only a limited member of partition 0x8001",
  );
});

Deno.test("a broadcast group without a record: absent, of another scope, or concealed", () => {
  const { InsufficientComponents, NoRecords, RequestInvalid, RequestDenied } =
    MadStatus;
  for (const status of [InsufficientComponents, NoRecords]) {
    assertEquals(
      obstacleOfBroadcast(ofBroadcast({}, status), undefined),
      "does not exist in partition 0x8001",
    );
  }
  assertEquals(
    obstacleOfBroadcast(
      ofBroadcast({}, InsufficientComponents),
      broadcastMgid(PKEY, 5),
    ),
    "does not exist in partition 0x8001, whose broadcast group ff15:401b:8001::ffff:ffff has scope 5",
  );
  for (const status of [RequestInvalid, RequestDenied]) {
    assertEquals(
      obstacleOfBroadcast(ofBroadcast({}, status), undefined),
      "is in partition 0x8001, of which the port is not a member according to the subnet administrator",
    );
  }
  assertEquals(
    obstacleOfBroadcast(ofBroadcast({}, 0x8100), undefined),
    "does not exist in partition 0x8001, or the port is not a member of it (status 0x8100 (unknown status))",
  );
});

const CREATIONS: [
  Partial<McMemberRecord> | undefined,
  Partial<PortAttributes>,
  string,
][] = [
  [
    undefined,
    {},
    ": its broadcast group ff12:401b:8001::ffff:ffff does not exist, or the port is not a member of partition 0x8001",
  ],
  [
    { qkey: 0x1234 },
    {},
    ": its broadcast group ff12:401b:8001::ffff:ffff has Q_Key 0x00001234, the join requires 0x00000b1b",
  ],
  [
    { sl: 3 },
    {},
    ": its broadcast group ff12:401b:8001::ffff:ffff has SL 3, the join requires 0",
  ],
  [
    {},
    { activeMtu: 1024 as never },
    ": it would have MTU 2048, the port has 1024",
  ],
  // OpenSM does not compare MTU and rate of a new group with those of its broadcast group.
  [{ mtu: 5, rate: 2 }, {}, "; the log of the subnet manager has the reason"],
];

Deno.test("a group that cannot be created", () => {
  for (const [link, port, text] of CREATIONS) {
    assertEquals(
      obstacleToCreation(
        ofGroup(port),
        BROADCAST,
        link && { ...LINK, ...link },
      ),
      `does not exist and cannot be created${text}`,
    );
  }
});

Deno.test("a group that cannot be created by a send-only join", () => {
  const request = groupJoin(MGID, PORT.gid, LINK, JoinState.SendOnlyFullMember);
  assertEquals(
    obstacleToCreation(refused(request), BROADCAST, LINK),
    "does not exist and cannot be created; the subnet administrator may not support JoinState 8 (send-only full member)",
  );
});
