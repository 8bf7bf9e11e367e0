import { assertEquals } from "@std/assert";
import { JoinedGroups } from "../../../src/hca/soft/joined_groups.ts";
import { gidFrom, gidKey } from "../../../src/wire/gid.ts";
import { gsiAddress, Method } from "../../../src/wire/mad.ts";
import { MAX_GROUPS_PER_PORT } from "../../../src/subnet/constants.ts";
import { broadcastMgid, ipv4Mgid } from "../../../src/wire/mgid.ts";
import { McMemberRecord } from "../../../src/wire/sa/mc_member_record.ts";
import { SaAttribute, SaMad } from "../../../src/wire/sa/sa_mad.ts";

const GID = gidFrom(0xfe80000000000000n, 1n);
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

Deno.test("a successful join is recorded with all attributes of the group", () => {
  const memberships = new JoinedGroups();
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
  const memberships = new JoinedGroups();
  memberships.received(mad(Method.GetResp, { joinState: 9 }), MANAGER, PORT);
  memberships.sent(mad(Method.Delete, { joinState: 8 }));
  assertEquals(memberships.list().map(({ joinState }) => joinState), [1]);
  memberships.sent(mad(Method.Delete, { joinState: 1 }));
  assertEquals(memberships.list(), []);
  memberships.sent(mad(Method.Delete, { joinState: 1 }));
});

const ignored: Record<string, Uint8Array> = {
  "an error response": mad(Method.GetResp, {}, { status: 0x0200 }),
  "a response to another port": mad(Method.GetResp, {
    portGid: gidFrom(0xfe80000000000000n, 2n),
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
    const memberships = new JoinedGroups();
    memberships.received(bytes, MANAGER, PORT);
    assertEquals(memberships.list(), []);
  });
}

Deno.test("a response from another LID than the manager's adds no membership", () => {
  const memberships = new JoinedGroups();
  memberships.received(mad(Method.GetResp), gsiAddress(2), PORT);
  assertEquals(memberships.list(), []);
});

Deno.test("a port that has joined the maximum of groups forgets the one that it joined first", () => {
  const memberships = new JoinedGroups();
  const mgid = (n: number) => ipv4Mgid(0xef000000 + n | 0, MGID);
  for (let n = 0; n <= MAX_GROUPS_PER_PORT; n++) {
    const response = mad(Method.GetResp, { mgid: mgid(n) });
    memberships.received(response, MANAGER, PORT);
  }
  const known = memberships.list();
  assertEquals(known.length, MAX_GROUPS_PER_PORT);
  assertEquals(known[0]!.mgid, gidKey(mgid(1)));
  assertEquals(known.at(-1)!.mgid, gidKey(mgid(MAX_GROUPS_PER_PORT)));
});
