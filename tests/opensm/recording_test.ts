/** The real OpenSM, under ibsim: it still says what was recorded of it, and our client gets on with it. */

import { assert, assertEquals } from "@std/assert";
import { MANAGER_LID, portGuid, portLid } from "../../scripts/opensm/fabric.ts";
import {
  GOLDEN,
  PARTITIONS_FILE,
  type PartitionsRecording,
  recordPartitions,
  recordRequests,
  type RequestRecording,
  REQUESTS_FILE,
} from "../../scripts/opensm/recording.ts";
import { missingPrograms, Simulator } from "../../scripts/opensm/simulator.ts";
import { SaClient } from "../../src/sa/client.ts";
import { broadcastJoin, groupJoin, groupLeave } from "../../src/sa/requests.ts";
import type { SaCallback, SaResult } from "../../src/sa/result.ts";
import { gidFrom } from "../../src/wire/gid.ts";
import { broadcastMgid, ipv4Mgid } from "../../src/wire/mgid.ts";
import type { ClassPortInfo } from "../../src/wire/sa/class_port_info.ts";
import { InformInfo } from "../../src/wire/sa/inform_info.ts";
import type { McMemberRecord } from "../../src/wire/sa/mc_member_record.ts";
import type { PathRecord } from "../../src/wire/sa/path_record.ts";

const missing = await missingPrograms();
const ignore = missing.length > 0;
const skipped = ignore
  ? ` (skipped: needs the Debian packages ${missing.join(" ")})`
  : "";

async function golden<T>(name: string): Promise<T> {
  return JSON.parse(await Deno.readTextFile(new URL(name, GOLDEN)));
}

Deno.test({
  name: `OpenSM answers every request as it was recorded${skipped}`,
  ignore,
  async fn() {
    const before = await golden<RequestRecording>(REQUESTS_FILE);
    const now = await recordRequests();
    assertEquals(now.partitions, before.partitions);
    assertEquals(now.exchanges, before.exchanges);
  },
});

Deno.test({
  name: `OpenSM makes of every partitions.conf what was recorded${skipped}`,
  ignore,
  async fn() {
    const before = await golden<PartitionsRecording>(PARTITIONS_FILE);
    assertEquals((await recordPartitions()).results, before.results);
  },
});

Deno.test({
  name:
    `the SA client joins, finds paths, subscribes and leaves at OpenSM${skipped}`,
  ignore,
  async fn() {
    const simulator = await Simulator.start();
    try {
      await simulator.startManager();
      await useOpensm(simulator);
    } finally {
      await simulator.stop();
    }
  },
});

async function useOpensm(simulator: Simulator): Promise<void> {
  const from = {
    ...{ lid: MANAGER_LID, qpn: 1, qkey: 0, pkeyIndex: 0, sl: 0 },
  };
  const client: SaClient = new SaClient({
    channel: {
      send: (mad, { lid }) => {
        simulator.client(1).exchange(lid, mad, 1000).then((answer) => {
          if (answer !== undefined) client.onMad(answer, from, 0);
        });
      },
    },
    location: () => ({ smLid: MANAGER_LID, smSl: 0, pkeyIndex: 0 }),
  });
  const ask = <T>(question: (callback: SaCallback<T>) => unknown) =>
    new Promise<SaResult<T>>((resolve) => question(resolve));
  const get = async <T>(
    question: (callback: SaCallback<T>) => unknown,
  ): Promise<T> => {
    const result = await ask(question);
    assert(result.ok, result.ok ? "" : `status ${result.status}`);
    return result.record;
  };
  const gid = (n: number) => gidFrom(0xfe80000000000000n, portGuid(n));
  const mgid = broadcastMgid(0xffff);

  const info = await get<ClassPortInfo>((cb) => client.classPortInfo(0, cb));
  assertEquals(info.classVersion, 2);
  const link = await get<McMemberRecord>((cb) =>
    client.join(broadcastJoin(mgid, gid(1), 0xffff), 0, cb)
  );
  assertEquals([link.qkey, link.mlid, link.mtu], [0xb1b, 0xc000, 4]);
  const group = ipv4Mgid(0xef000001 | 0, mgid);
  const made = await get<McMemberRecord>((cb) =>
    client.join(groupJoin(group, gid(1), link), 0, cb)
  );
  assertEquals([made.mlid, made.joinState], [0xc001, 1]);
  const path = await get<PathRecord>((cb) =>
    client.queryPath(
      { sgid: gid(1), dgid: gid(2), pkey: 0xffff, tclass: 0 },
      0,
      cb,
    )
  );
  assertEquals([path.dlid, path.hopLimit], [portLid(2), 0]);
  await get<InformInfo>((cb) => client.inform(InformInfo.trap(66), 0, cb));
  const left = await get<McMemberRecord>((cb) =>
    client.leave(groupLeave(group, gid(1), 1), 0, cb)
  );
  assertEquals(left.joinState, 0);
  assertEquals(
    await ask<McMemberRecord>((cb) =>
      client.get({ record: made, mask: 1n }, 0, cb)
    ),
    { ok: false, status: 0x0300, errno: 22 },
  );
}
