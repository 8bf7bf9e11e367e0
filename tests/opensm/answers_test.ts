/**
 * The SA client, with libibumad in a separate worker, receives the same records from OpenSM as `saquery`. The tests
 * compare all fields.
 */

import { assert, assertEquals } from "@std/assert";
import {
  MANAGER_LID,
  PARTITIONS,
  portGid,
  portLid,
} from "../../scripts/opensm/fabric.ts";
import { readPort } from "../../scripts/opensm/read.ts";

import {
  printedMember,
  printedPath,
  readers,
  saquery,
  TRUSTED,
} from "../../scripts/opensm/saquery.ts";
import type { Simulator } from "../../scripts/opensm/simulator.ts";
import {
  broadcastJoin,
  groupJoin,
  groupLeave,
  membershipCheck,
} from "../../src/sa/requests.ts";
import { formatGid } from "../../src/wire/gid.ts";
import { broadcastMgid, ipv4Mgid } from "../../src/wire/mgid.ts";
import {
  JoinState,
  McMask,
  McMemberRecord,
} from "../../src/wire/sa/mc_member_record.ts";
import { FabricNode } from "./fabric_node.ts";
import { fabricTest } from "./support.ts";

const NODE = 2;
const DEFAULT = { partitions: PARTITIONS };
const BROADCAST = broadcastMgid(0xffff);
const GROUP = ipv4Mgid(0xef010203 | 0, BROADCAST);
/** MAD statuses with which OpenSM refuses requests. */
const REQUEST_INVALID = 0x0200;
const NO_RECORDS = 0x0300;
const INSUFFICIENT_COMPONENTS = 0x0600;

/** Registers a test with an SA client on the second port. */
function clientTest(
  name: string,
  run: (node: FabricNode, simulator: Simulator) => Promise<void>,
): void {
  fabricTest(name, DEFAULT, async (simulator) => {
    const node = await FabricNode.start(
      simulator,
      NODE,
      await readPort(simulator, NODE),
    );
    try {
      await run(node, simulator);
    } finally {
      await node.close();
    }
  });
}

/** Returns the memberships of a group, queried with the SM_Key. */
async function members(
  simulator: Simulator,
  mgid: Uint8Array,
): Promise<McMemberRecord[]> {
  const query = ["MCMR", "--mgid", formatGid(mgid)];
  const printed = await saquery(simulator, NODE, ...query, ...TRUSTED);
  return printed.map(printedMember);
}

clientTest(
  "a path equals the path that saquery prints",
  async (node, simulator) => {
    for (
      const [peer, pkey] of [[1, 0xffff], [3, 0x8001], [1, 0x8003]] as const
    ) {
      const dgid = portGid(peer);
      const sgid = portGid(NODE);
      const path = await node.get("queryPath", { sgid, dgid, pkey, tclass: 0 });
      const printed = await saquery(
        simulator,
        NODE,
        ...["PathRecord", "--numb_path", "1", "--tclass", "0"],
        ...["--sgid", formatGid(sgid), "--dgid", formatGid(dgid)],
        ...["--pkey", `${pkey}`],
      );
      assertEquals([path], printed.map(printedPath));
      assertEquals([path.slid, path.dlid], [portLid(NODE), portLid(peer)]);
    }
  },
);

clientTest(
  "a path that does not exist is refused, and saquery prints none",
  async (node, simulator) => {
    const sgid = portGid(NODE);
    const dgid = portGid(4);
    const query = { sgid, dgid, pkey: 0x8003, tclass: 0 };
    assertEquals(await node.request("queryPath", query), {
      ok: false,
      status: NO_RECORDS,
      errno: 22,
    });
    const ends = ["--sgid", formatGid(sgid), "--dgid", formatGid(dgid)];
    const printed = await saquery(
      simulator,
      NODE,
      ...["PathRecord", "--pkey", "0x8003", ...ends],
    );
    assertEquals(printed, []);
  },
);

clientTest(
  "joins and leaves change the memberships that saquery prints",
  async (node, simulator) => {
    const gid = portGid(NODE);
    assertEquals(await members(simulator, BROADCAST), []);
    const link = await node.get("join", broadcastJoin(BROADCAST, gid, 0xffff));
    assertEquals([link], await members(simulator, BROADCAST));

    assertEquals(await members(simulator, GROUP), []);
    const made = await node.get("join", groupJoin(GROUP, gid, link));
    assertEquals([made], await members(simulator, GROUP));
    assertEquals(made.joinState, JoinState.FullMember);

    const left = await node.get(
      "leave",
      groupLeave(GROUP, gid, JoinState.FullMember),
    );
    assertEquals(left.joinState, 0);
    assertEquals(await members(simulator, GROUP), []);
    await node.get("leave", groupLeave(BROADCAST, gid, JoinState.FullMember));
    assertEquals(await members(simulator, BROADCAST), []);
  },
);

clientTest(
  "a membership check succeeds for a member and fails after a leave",
  async (node) => {
    const gid = portGid(NODE);
    const check = membershipCheck(BROADCAST, gid);
    const none = { ok: false, status: NO_RECORDS, errno: 22 } as const;
    assertEquals(await node.request("get", check), none);
    const link = await node.get("join", broadcastJoin(BROADCAST, gid, 0xffff));
    // OpenSM clears PortGID and JoinState in answers to a client without SM_Key.
    const { mlid, joinState, portGid: clearedGid } = await node.get(
      "get",
      check,
    );
    assertEquals([mlid, joinState, clearedGid], [
      link.mlid,
      0,
      new Uint8Array(16),
    ]);
    // The answer to a join does not differ for a member.
    const again = await node.get("join", broadcastJoin(BROADCAST, gid, 0xffff));
    assertEquals(again, link);
    await node.get("leave", groupLeave(BROADCAST, gid, JoinState.FullMember));
    assertEquals(await node.request("get", check), none);
  },
);

clientTest(
  "a send-only membership equals the membership that saquery prints",
  async (node, simulator) => {
    const gid = portGid(NODE);
    const link = await node.get("join", broadcastJoin(BROADCAST, gid, 0xffff));
    const request = groupJoin(GROUP, gid, link, JoinState.SendOnlyFullMember);
    const made = await node.get("join", request);
    assertEquals(made.joinState, JoinState.SendOnlyFullMember);
    assertEquals([made], await members(simulator, GROUP));
  },
);

clientTest(
  "a group's record equals the record that saquery prints",
  async (node, simulator) => {
    for (const pkey of [0xffff, 0x8001, 0x8002]) {
      const mgid = broadcastMgid(pkey);
      const record = McMemberRecord.of({ mgid });
      const group = await node.get("get", { record, mask: McMask.Mgid });
      const printed = await saquery(
        simulator,
        NODE,
        ...["MCMemberRecord", "--mgid", formatGid(mgid)],
      );
      assertEquals([group], printed.map(printedMember));
      assertEquals(group.pkey, pkey);
    }
  },
);

clientTest(
  "a group that does not exist is refused, and saquery prints none",
  async (node, simulator) => {
    const mgid = broadcastMgid(0x8003);
    const record = McMemberRecord.of({ mgid });
    assertEquals(await node.request("get", { record, mask: McMask.Mgid }), {
      ok: false,
      status: NO_RECORDS,
      errno: 22,
    });
    const join = broadcastJoin(mgid, portGid(NODE), 0x8003);
    assertEquals(await node.request("join", join), {
      ok: false,
      status: INSUFFICIENT_COMPONENTS,
      errno: 22,
    });
    assertEquals(await members(simulator, mgid), []);
  },
);

fabricTest(
  "a join in a partition without membership is refused, and saquery on that port does not print the group",
  DEFAULT,
  async (simulator) => {
    const outsider = 4;
    const node = await FabricNode.start(
      simulator,
      outsider,
      await readPort(simulator, outsider),
    );
    const mgid = broadcastMgid(0x8002);
    const join = broadcastJoin(mgid, portGid(outsider), 0x8002);
    assertEquals(await node.request("join", join), {
      ok: false,
      status: REQUEST_INVALID,
      errno: 22,
    });
    const record = McMemberRecord.of({ mgid });
    const get = await node.request("get", { record, mask: McMask.Mgid });
    assert(!get.ok);
    assertEquals(get.status, NO_RECORDS);
    const query = ["MCMemberRecord", "--mgid", formatGid(mgid)];
    assertEquals(await saquery(simulator, outsider, ...query), []);
    assertEquals((await saquery(simulator, NODE, ...query)).length, 1);
    await node.close();
  },
);

clientTest(
  "a leave whose answer is lost succeeds although OpenSM refuses the retry",
  async (node, simulator) => {
    const gid = portGid(NODE);
    await node.get("join", broadcastJoin(BROADCAST, gid, 0xffff));
    await node.lose(1);
    await node.get("leave", groupLeave(BROADCAST, gid, JoinState.FullMember));
    assertEquals(await members(simulator, BROADCAST), []);
  },
);

clientTest("requests go to the SM LID of the port", async (node, simulator) => {
  const port = await readPort(simulator, NODE);
  assertEquals([port.state, port.smLid], ["active", MANAGER_LID]);
  const [printed] = await saquery(simulator, NODE, "SMInfoRecord");
  assertEquals(readers(printed!).number("LID"), port.smLid);
  const record = McMemberRecord.of({ mgid: BROADCAST });
  const group = { record, mask: McMask.Mgid };
  await node.event("sm_change", { smLid: 0 });
  assertEquals(await node.request("get", group), {
    ok: false,
    status: 0,
    errno: 110,
  });
  await node.event("sm_change", { smLid: port.smLid });
  assertEquals((await node.get("get", group)).mgid, BROADCAST);
});
