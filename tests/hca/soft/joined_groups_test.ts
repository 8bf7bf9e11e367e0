import { assertEquals } from "@std/assert";
import { JoinedGroups } from "../../../src/hca/soft/joined_groups.ts";
import { gidFrom, gidKey } from "../../../src/wire/gid.ts";
import { gsiAddress, Method } from "../../../src/wire/mad.ts";
import { MAX_GROUPS_PER_PORT } from "../../../src/subnet/constants.ts";
import { broadcastMgid, ipv4Mgid } from "../../../src/wire/mgid.ts";
import { McMemberRecord } from "../../../src/wire/sa/mc_member_record.ts";
import { SaAttribute, SaMad } from "../../../src/wire/sa/sa_mad.ts";

const GID = gidFrom(0xfe80000000000000n, 1n);
const OTHER_GID = gidFrom(0xfe80000000000000n, 2n);
const MGID = broadcastMgid(0xffff);
const PORT = { gid: GID, smLid: 1 };
const MANAGER = gsiAddress(1);

function mad(
  method: number,
  record: Partial<McMemberRecord> = {},
  fields: Partial<SaMad> = {},
): Uint8Array {
  return SaMad.emit(SaMad.of({
    method,
    transactionId: 1n,
    attributeId: SaAttribute.McMemberRecord,
    data: McMemberRecord.emit(McMemberRecord.of({
      mgid: MGID,
      portGid: GID,
      mlid: 0xc001,
      qkey: 0x0b1b,
      pkey: 0xffff,
      mtu: 4,
      rate: 3,
      joinState: 1,
      ...record,
    })),
    ...fields,
  }));
}

/** Returns the memberships of a port that has sent this join. */
function joining(record: Partial<McMemberRecord> = {}): JoinedGroups {
  const memberships = new JoinedGroups();
  memberships.sent(mad(Method.Set, record), PORT);
  return memberships;
}

/** Returns the join states of the memberships. */
const states = (memberships: JoinedGroups) =>
  memberships.list().map(({ joinState }) => joinState);

Deno.test("a successful join is recorded with all attributes of the group", () => {
  const memberships = joining();
  memberships.received(mad(Method.GetResp), MANAGER, PORT);
  assertEquals(memberships.list(), [{
    mgid: gidKey(MGID),
    mlid: 0xc001,
    joinState: 1,
    pkey: 0xffff,
    qkey: 0x0b1b,
    mtu: 4,
    rate: 3,
    sl: 0,
    flowLabel: 0,
    hopLimit: 0,
    tclass: 0,
  }]);
});

Deno.test("a leave removes the join states that it names", () => {
  const memberships = joining();
  memberships.received(mad(Method.GetResp, { joinState: 9 }), MANAGER, PORT);
  memberships.sent(mad(Method.Delete, { joinState: 8 }), PORT);
  assertEquals(states(memberships), [1]);
  memberships.sent(mad(Method.Delete, { portGid: OTHER_GID }), PORT);
  assertEquals(states(memberships), [1]);
  memberships.sent(mad(Method.Delete, { joinState: 1 }), PORT);
  assertEquals(states(memberships), []);
  memberships.sent(mad(Method.Delete, { joinState: 1 }), PORT);
});

Deno.test("the response to a join records what the port has not left since", () => {
  const response = mad(Method.GetResp, { joinState: 9 });
  const memberships = joining();
  memberships.sent(mad(Method.Delete, { joinState: 1 }), PORT);
  memberships.received(response, MANAGER, PORT);
  assertEquals(states(memberships), [8]);
  memberships.sent(mad(Method.Delete, { joinState: 8 }), PORT);
  // The response to a retransmission.
  memberships.received(response, MANAGER, PORT);
  assertEquals(states(memberships), []);
  const later = { transactionId: 2n };
  memberships.sent(mad(Method.Set, {}, later), PORT);
  memberships.sent(mad(Method.Delete, { joinState: 9 }), PORT);
  memberships.received(mad(Method.GetResp, {}, later), MANAGER, PORT);
  assertEquals(states(memberships), []);
});

Deno.test("a join after a leave is recorded, whichever response arrives", () => {
  const memberships = joining();
  memberships.sent(mad(Method.Delete), PORT);
  const again = { transactionId: 2n };
  memberships.sent(mad(Method.Set, {}, again), PORT);
  memberships.received(mad(Method.GetResp), MANAGER, PORT);
  assertEquals(states(memberships), []);
  memberships.received(mad(Method.GetResp, {}, again), MANAGER, PORT);
  assertEquals(states(memberships), [1]);
});

Deno.test("a port that is down has neither memberships nor joins", () => {
  const memberships = joining();
  memberships.received(mad(Method.GetResp), MANAGER, PORT);
  const late = { transactionId: 2n };
  memberships.sent(mad(Method.Set, {}, late), PORT);
  memberships.clear();
  memberships.received(mad(Method.GetResp, {}, late), MANAGER, PORT);
  assertEquals(states(memberships), []);
});

const ignored: Record<string, Uint8Array> = {
  "an error response": mad(Method.GetResp, {}, { status: 0x0200 }),
  "a response to another port": mad(Method.GetResp, { portGid: OTHER_GID }),
  "a response about another group": mad(Method.GetResp, {
    mgid: broadcastMgid(0x8001),
  }),
  "a response that answers no join": mad(Method.GetResp, {}, {
    transactionId: 2n,
  }),
  "a record without a join state": mad(Method.GetResp, { joinState: 0 }),
  "a PathRecord response": mad(Method.GetResp, {}, {
    attributeId: SaAttribute.PathRecord,
  }),
  "a request": mad(Method.Set),
  "a truncated MAD": mad(Method.GetResp).slice(0, 100),
};
for (const [what, bytes] of Object.entries(ignored)) {
  Deno.test(`${what} adds no membership`, () => {
    const memberships = joining();
    memberships.received(bytes, MANAGER, PORT);
    assertEquals(memberships.list(), []);
  });
}

Deno.test("a response from another LID than the manager's adds no membership", () => {
  const memberships = joining();
  memberships.received(mad(Method.GetResp), gsiAddress(2), PORT);
  assertEquals(memberships.list(), []);
});

Deno.test("a port that has joined the maximum of groups forgets the one that it joined first", () => {
  const memberships = new JoinedGroups();
  const mgid = (n: number) => ipv4Mgid(0xef000000 + n | 0, MGID);
  for (let n = 0; n <= MAX_GROUPS_PER_PORT; n++) {
    memberships.sent(mad(Method.Set, { mgid: mgid(n) }), PORT);
    const response = mad(Method.GetResp, { mgid: mgid(n) });
    memberships.received(response, MANAGER, PORT);
  }
  const known = memberships.list();
  assertEquals(known.length, MAX_GROUPS_PER_PORT);
  assertEquals(known[0]!.mgid, gidKey(mgid(1)));
  assertEquals(known.at(-1)!.mgid, gidKey(mgid(MAX_GROUPS_PER_PORT)));
});

Deno.test("of more unanswered joins than a port can have groups, the newest are recorded", () => {
  const memberships = new JoinedGroups();
  const transaction = (n: number) => ({ transactionId: BigInt(n) });
  for (let n = 0; n <= MAX_GROUPS_PER_PORT; n++) {
    memberships.sent(mad(Method.Set, {}, transaction(n)), PORT);
  }
  const answer = (n: number) =>
    memberships.received(
      mad(Method.GetResp, {}, transaction(n)),
      MANAGER,
      PORT,
    );
  answer(0);
  assertEquals(states(memberships), []);
  answer(1);
  assertEquals(states(memberships), [1]);
});
