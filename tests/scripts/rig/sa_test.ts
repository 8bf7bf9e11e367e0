/** The subnet administrator of the rig, with requests of the SA client of ipoib. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  type AdministratorOptions,
  RigAdministrator,
} from "../../../scripts/rig/sa/administrator.ts";
import { parseFault } from "../../../scripts/rig/sa/fault.ts";
import { gidOf } from "../../../scripts/rig/sa/ports.ts";
import { SaClient } from "../../../src/sa/client.ts";
import {
  broadcastJoin,
  groupJoin,
  groupLeave,
  type MembershipRequest,
} from "../../../src/sa/requests.ts";
import type { SaCallback, SaResult } from "../../../src/sa/result.ts";
import { formatGid } from "../../../src/wire/gid.ts";
import { type MadGrh, MadStatus } from "../../../src/wire/mad.ts";
import { broadcastMgid, ipv4Mgid } from "../../../src/wire/mgid.ts";
import {
  JoinState,
  McMemberRecord,
} from "../../../src/wire/sa/mc_member_record.ts";
import type { PathRecord } from "../../../src/wire/sa/path_record.ts";

const BROADCAST = broadcastMgid(0xffff);
const GROUP = ipv4Mgid(0xe0000001, BROADCAST);

/** An SA client on the port with this LID. */
class Client {
  readonly gid: Uint8Array;
  /** Present if its MADs have a GRH. */
  grh: MadGrh | undefined;
  readonly #client: SaClient;

  constructor(administrator: RigAdministrator, lid: number, gid = gidOf(lid)) {
    this.gid = gid;
    this.#client = new SaClient({
      agent: {
        send: (mad, to) => {
          const hasGrh = to.grh !== undefined;
          const reply = administrator.handle(mad, { lid, hasGrh });
          if (reply?.mad) this.#client.onMad(reply.mad, to, 0);
        },
      },
      location: () => ({
        ...{ smLid: 1, smSl: 0, pkeyIndex: 0 },
        ...(this.grh && { grh: this.grh }),
      }),
      active: () => true,
      wakeAt: () => {},
    });
  }

  join(request: MembershipRequest) {
    return this.#query<McMemberRecord>((callback) =>
      this.#client.join(request, 0, callback)
    );
  }

  joinBroadcast(pkey = 0xffff) {
    return this.join(broadcastJoin(broadcastMgid(pkey), this.gid, pkey));
  }

  joinGroup(mgid: Uint8Array, joinState?: number) {
    const broadcast = recordOf(this.joinBroadcast());
    return this.join(groupJoin(mgid, this.gid, broadcast, joinState));
  }

  leave(mgid: Uint8Array, joinState: number) {
    return this.#query<McMemberRecord>((callback) =>
      this.#client.leave(groupLeave(mgid, this.gid, joinState), 0, callback)
    );
  }

  path(dgid: Uint8Array) {
    const request = { sgid: this.gid, dgid, pkey: 0x8001, tclass: 0 };
    return this.#query<PathRecord>((callback) =>
      this.#client.queryPath(request, 0, callback)
    );
  }

  #query<T>(send: (callback: SaCallback<T>) => void): SaResult<T> {
    let reply: SaResult<T> | undefined;
    send((result) => reply = result);
    assert(reply, "no reply");
    return reply;
  }
}

/** Returns the record of a reply. Throws if the reply is an error. */
function recordOf<T>(result: SaResult<T>): T {
  assert(result.ok, "the administrator refused the request");
  return result.record;
}

function statusOf(result: SaResult<unknown>): number {
  return result.ok ? MadStatus.Ok : result.status;
}

function administrator(options?: AdministratorOptions): RigAdministrator {
  const limits = { mtu: 4, rate: 3, lifetime: 18 };
  return new RigAdministrator(limits, [0xffff, 0x8001], options);
}

Deno.test("the broadcast groups exist, and a join of an unknown group requires all parameters", () => {
  const client = new Client(administrator(), 3);
  const { mlid, mtu, rate, qkey, portGid } = recordOf(client.joinBroadcast());
  assertEquals({ mlid, mtu, rate, qkey, portGid }, {
    ...{ mlid: 0xc000, mtu: 4, rate: 3, qkey: 0x0b1b },
    portGid: client.gid,
  });
  assertEquals(recordOf(client.joinBroadcast(0x8001)).mlid, 0xc001);
  assertEquals(
    statusOf(client.joinBroadcast(0x8003)),
    MadStatus.InsufficientComponents,
  );
});

Deno.test("a full member creates a group, and the leave of the last full member deletes it", () => {
  const sa = administrator();
  const [one, two] = [new Client(sa, 1), new Client(sa, 2)];
  assertEquals(
    statusOf(one.joinGroup(GROUP, JoinState.NonMember)),
    MadStatus.RequestInvalid,
  );
  assertEquals(recordOf(one.joinGroup(GROUP)).mlid, 0xc002);
  const second = recordOf(two.joinGroup(GROUP, JoinState.NonMember));
  assertEquals([second.mlid, second.joinState], [0xc002, JoinState.NonMember]);
  const other = groupJoin(GROUP, two.gid, { ...second, qkey: 1 });
  assertEquals(statusOf(two.join(other)), MadStatus.RequestInvalid);
  const members = () => sa.groups.toJSON()[formatGid(GROUP)];
  assertEquals(members(), { [formatGid(one.gid)]: 1, [formatGid(two.gid)]: 2 });
  assertEquals(
    statusOf(two.leave(GROUP, JoinState.FullMember)),
    MadStatus.RequestInvalid,
  );
  recordOf(one.leave(GROUP, JoinState.FullMember));
  assertEquals(members(), undefined);
  recordOf(one.leave(BROADCAST, JoinState.FullMember));
  recordOf(two.leave(BROADCAST, JoinState.FullMember));
  assertEquals(sa.groups.toJSON()[formatGid(BROADCAST)], {});
});

Deno.test("the LID of a path comes from the port GID, from the last join, or from the group", () => {
  const sa = administrator();
  const client = new Client(sa, 3);
  const dlid = (gid: Uint8Array) => recordOf(client.path(gid)).dlid;
  const { slid, pkey, mtu, hopLimit } = recordOf(client.path(gidOf(2)));
  assertEquals({ slid, pkey, mtu, hopLimit }, {
    ...{ slid: 3, pkey: 0x8001, mtu: 4, hopLimit: 0 },
  });
  assertEquals(dlid(gidOf(2)), 2);
  new Client(sa, 0x12, gidOf(2)).joinBroadcast();
  assertEquals(dlid(gidOf(2)), 0x12);
  assertEquals(dlid(BROADCAST), 0xc000);
  assertEquals(statusOf(client.path(GROUP)), MadStatus.NoRecords);
  const foreign = gidOf(2).with(8, 0xaa);
  assertEquals(statusOf(client.path(foreign)), MadStatus.NoRecords);
});

Deno.test("MADs without a GRH from the given LIDs are ignored", () => {
  const sa = administrator({ grhLids: [3] });
  const [other, strict] = [new Client(sa, 2), new Client(sa, 3)];
  recordOf(other.joinBroadcast());
  assertThrows(() => strict.joinBroadcast(), Error, "no reply");
  assertEquals(Object.keys(sa.groups.toJSON()[formatGid(BROADCAST)]!), [
    formatGid(other.gid),
  ]);
  strict.grh = {
    gid: gidOf(1),
    ...{ sgidIndex: 0, flowLabel: 0, hopLimit: 0, trafficClass: 0 },
  };
  recordOf(strict.joinBroadcast());
});

Deno.test("a silent administrator answers nothing, one that refuses joins answers other requests", () => {
  const sa = administrator();
  const client = new Client(sa, 3);
  recordOf(client.joinBroadcast());
  sa.fault = parseFault("refuse 0x0700\n");
  assertEquals(statusOf(client.joinBroadcast()), MadStatus.RequestDenied);
  recordOf(client.path(BROADCAST));
  sa.fault = parseFault("silent\n");
  assertThrows(() => client.path(BROADCAST), Error, "no reply");
  sa.fault = parseFault("");
  recordOf(client.joinBroadcast());
  for (const text of ["silence", "refuse", "refuse 0", "silent 1"]) {
    assertThrows(() => parseFault(text), Error, "Unknown fault");
  }
});

Deno.test("the first group has the MLID that the administrator was given", () => {
  const client = new Client(administrator({ firstMlid: 0xc100 }), 3);
  assertEquals(recordOf(client.joinBroadcast()).mlid, 0xc100);
  assertEquals(recordOf(client.joinGroup(GROUP)).mlid, 0xc102);
});
