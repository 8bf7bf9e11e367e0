/**
 * IPoIB interfaces with OpenSM: the engine runs in the daemon's threads on a port that sends MADs through libibumad.
 * The tests read the port's attributes from the fabric and inject its events, which the simulator does not deliver.
 */

import { assert, assertEquals } from "@std/assert";
import { PARTITIONS, portGid, portLid } from "../../scripts/opensm/fabric.ts";
import { type FabricPort, readPort } from "../../scripts/opensm/read.ts";
import { readers, saquery } from "../../scripts/opensm/saquery.ts";
import type { Simulator } from "../../scripts/opensm/simulator.ts";
import { formatGid } from "../../src/wire/gid.ts";
import { broadcastMgid } from "../../src/wire/mgid.ts";
import { parseIpv4 } from "../../src/wire/ipv4_address.ts";
import { until } from "../e2e/harness/until.ts";
import {
  FOREIGN_PKEY,
  OTHER_QKEY,
  REFUSED_PARTITIONS,
  STATES,
  wideJoin,
} from "../ipoib/refused_partitions.ts";
import type { FabricNode } from "./fabric_node.ts";
import {
  activate,
  joinedAll,
  memberships,
  NODE,
  ONE_LINK,
  ownMemberships,
  reaches,
  RUNNING,
  withNode,
} from "./interfaces.ts";
import { fabricTest } from "./support.ts";

const DEFAULT = { partitions: PARTITIONS };
const BROADCAST = broadcastMgid(0xffff);
/** 239.1.2.3. Every host is also a member of 224.0.0.1. */
const GROUP = 0xef010203 | 0;
/** MADs of a request without answer: the first and ten retries. */
const SENDS = 11;

/** Registers a test with a running interface on the second port. */
function interfaceTest(
  name: string,
  run: (node: FabricNode, simulator: Simulator) => Promise<void>,
): void {
  fabricTest(
    name,
    DEFAULT,
    (simulator) =>
      withNode(simulator, NODE, async (node) => {
        assertEquals(
          (await node.link("ib0")).state,
          "waiting for the subnet manager",
        );
        await activate(node, simulator);
        await run(node, simulator);
      }),
  );
}

/** Returns the MGIDs that `saquery -g` prints: at most three, because the simulator truncates the answer. */
async function groups(simulator: Simulator): Promise<string[]> {
  const printed = await saquery(simulator, NODE, "-g");
  return printed.map(({ MGID }) => MGID!).sort();
}

interfaceTest(
  "an interface's memberships equal those that saquery prints",
  async (node, simulator) => {
    await node.member("ib0", GROUP);
    const link = await reaches(node, "ib0", RUNNING);
    const own = ownMemberships(link);
    assertEquals(Object.keys(own).length, 3);
    assertEquals(own, await memberships(simulator, NODE));
    assertEquals([link.carrier, link.mtu], [true, 2044]);
  },
);

fabricTest(
  "a closed interface has no membership left",
  DEFAULT,
  async (simulator) => {
    await withNode(simulator, NODE, async (node) => {
      await activate(node, simulator);
      const before = await memberships(simulator, NODE);
      assertEquals(Object.keys(before).length, 2);
    });
    await until("saquery prints no membership", async () => {
      const left = await memberships(simulator, NODE);
      return Object.keys(left).length === 0;
    });
  },
);

interfaceTest(
  "an interface sends no leave when its port goes down, and joins its groups when the port is active again",
  async (node, simulator) => {
    const before = await memberships(simulator, NODE);
    assertEquals(Object.keys(before).length, 2);
    // The simulated link stays up, so the administrator keeps the memberships, which it ends for a real port.
    await node.event("port_error", { state: "down" });
    await reaches(node, "ib0", "waiting for the port (down)");
    assertEquals(await memberships(simulator, NODE), before);
    await node.event("port_active", { state: "active" });
    const link = await joinedAll(node, "ib0", 2);
    assertEquals(ownMemberships(link), before);
    assertEquals(await memberships(simulator, NODE), before);
  },
);

interfaceTest(
  "an interface waits for a broadcast group that does not exist",
  async (node, simulator) => {
    await node.child(0x8003);
    const mgid = broadcastMgid(0x8003);
    const state = `broadcast group ${
      formatGid(mgid)
    } does not exist in partition 0x8003`;
    const child = await reaches(node, "ib0.8003", state);
    assertEquals(child.carrier, false);
    const query = ["MCMemberRecord", "--mgid", formatGid(mgid)];
    assertEquals(await saquery(simulator, NODE, ...query), []);
    assertEquals((await node.link("ib0")).state, RUNNING);

    // OpenSM restarts with the group; the next attempt finds it.
    await simulator.killManager();
    const partitions = PARTITIONS.replace("bare=0x0003", "bare=0x0003, ipoib");
    await simulator.startManager({ partitions });
    await node.event("client_reregister", await readPort(simulator, NODE));
    await reaches(node, "ib0.8003", RUNNING);
    assertEquals((await saquery(simulator, NODE, ...query)).length, 1);
  },
);

interfaceTest(
  "an interface waits for a P_Key that is not in the port's table",
  async (node) => {
    const state = "waiting for P_Key 0x8004 in the port's table";
    await node.child(0x8004);
    assertEquals((await reaches(node, "ib0.8004", state)).qpn, 0);
  },
);

fabricTest(
  "an interface reports that its port is not a member of the partition",
  DEFAULT,
  (simulator) =>
    withNode(simulator, 4, async (node) => {
      // The port's P_Key table still contains a partition that OpenSM has removed.
      const port = await readPort(simulator, 4);
      const pkeys = [...port.pkeys, 0x8002];
      await node.event("port_active", { ...port, pkeys });
      await node.child(0x8002);
      const mgid = formatGid(broadcastMgid(0x8002));
      await reaches(
        node,
        "ib0.8002",
        `broadcast group ${mgid} is in partition 0x8002, of which the port is not a member according to the subnet administrator`,
      );
      const query = ["MCMemberRecord", "--mgid", mgid];
      assertEquals(await saquery(simulator, 4, ...query), []);
      assertEquals((await saquery(simulator, NODE, ...query)).length, 1);
    }),
);

fabricTest(
  "interfaces on partitions that do not fit name the reason",
  { partitions: REFUSED_PARTITIONS },
  (simulator) =>
    withNode(simulator, NODE, async (node) => {
      const port = await readPort(simulator, NODE);
      const pkeys = [...port.pkeys, FOREIGN_PKEY];
      await node.event("port_active", { ...port, pkeys });
      await node.get("join", wideJoin(portGid(NODE)));
      for (const { pkey } of STATES) await node.child(pkey);
      for (const { pkey, state } of STATES) {
        await reaches(node, `ib0.${pkey.toString(16)}`, state);
      }
      await node.member("ib0", parseIpv4(OTHER_QKEY.address)!);
      await until(OTHER_QKEY.reason, async () => {
        const { groups } = await node.link("ib0");
        return groups.some(({ reason }) => reason === OTHER_QKEY.reason);
      });
    }),
);

fabricTest(
  "OpenSM is killed and starts on another node: the interface joins again and keeps carrier and queue pair",
  ONE_LINK,
  (simulator) =>
    withNode(simulator, NODE, async (node) => {
      const before = await readPort(simulator, NODE);
      await node.event("port_active", before);
      await reaches(node, "ib0", RUNNING);
      await node.path("ib0", portGid(1));
      const { qpn } = await reaches(node, "ib0", RUNNING);

      await simulator.killManager();
      await timesOut(node);
      // This join gets no answer; the reregister event ends it.
      await node.member("ib0", GROUP);

      const moved = 4;
      await simulator.startManager({ ...ONE_LINK, node: moved });
      const after = await readPort(simulator, NODE);
      assertEquals([before.smLid, after.smLid], [1, portLid(moved)]);
      const [printed] = await saquery(simulator, NODE, "SMInfoRecord");
      assertEquals(readers(printed!).number("LID"), after.smLid);
      assertEquals(await memberships(simulator, NODE), {});

      await node.event("sm_change", after);
      await node.event("client_reregister");
      const link = await joinedAll(node, "ib0", 3);
      assertEquals(ownMemberships(link), await memberships(simulator, NODE));
      const own = link.groups.map(({ mgid }) => formatGid(mgid)).sort();
      assertEquals(await groups(simulator), own);
      // Carrier and queue pair did not change.
      assertEquals([link.carrier, link.qpn], [true, qpn]);
      assertEquals(link.paths.map(({ state, dlid }) => [state, dlid]), [
        ["complete", portLid(1)],
      ]);
      const first = node.states.indexOf(`ib0: ${RUNNING}`);
      assertEquals(node.states.slice(first + 1), []);
    }),
);

/** Asserts that a request without answer is sent eleven times and fails with ETIMEDOUT, not before 1.1 s. */
async function timesOut(node: FabricNode): Promise<void> {
  const { madsSent } = await node.status();
  const begin = performance.now();
  const answer = await node.request("queryPath", {
    sgid: portGid(NODE),
    dgid: portGid(3),
    pkey: 0xffff,
    tclass: 0,
  });
  const took = performance.now() - begin;
  assertEquals(answer, { ok: false, status: 0, errno: 110 });
  assertEquals((await node.status()).madsSent - madsSent, SENDS);
  assert(took >= 1100 - 10, `${took} ms`);
}

fabricTest(
  "an interface without OpenSM waits, and joins when OpenSM starts again",
  ONE_LINK,
  (simulator) =>
    withNode(simulator, NODE, async (node) => {
      const port = await readPort(simulator, NODE);
      await simulator.killManager();
      await node.event("port_active", port);
      await reaches(
        node,
        "ib0",
        `the subnet administrator does not answer the join of broadcast group ${
          formatGid(BROADCAST)
        } (SM LID ${port.smLid})`,
      );
      await simulator.startManager(ONE_LINK);
      await node.event("client_reregister", await readPort(simulator, NODE));
      await reaches(node, "ib0", RUNNING);
      const link = await joinedAll(node, "ib0", 2);
      assertEquals(ownMemberships(link), await memberships(simulator, NODE));
      const own = link.groups.map(({ mgid }) => formatGid(mgid)).sort();
      assertEquals(await groups(simulator), own);
    }),
);

fabricTest(
  "OpenSM restarts with other partitions: the interface follows P_Key table and MTU",
  DEFAULT,
  (simulator) =>
    withNode(simulator, NODE, async (node) => {
      await node.event("port_active", await readPort(simulator, NODE));
      await node.child(0x8001);
      await reaches(node, "ib0.8001", RUNNING);
      await simulator.killManager();
      await simulator.startManager({
        partitions: `Default=0x7fff, ipoib, mtu=3 : ALL=full ;
two=0x0002, ipoib : ALL=full ;
`,
        options: "no_partition_enforcement TRUE\n",
      });
      const port: FabricPort = await readPort(simulator, NODE);
      assert(!port.pkeys.includes(0x8001), `${port.pkeys}`);
      await node.event("pkey_change", port);
      await node.event("client_reregister", port);
      await reaches(
        node,
        "ib0.8001",
        "waiting for P_Key 0x8001 in the port's table",
      );
      const link = await joinedAll(node, "ib0", 2);
      assertEquals(ownMemberships(link), await memberships(simulator, NODE));
      assertEquals([link.state, link.mtu], [RUNNING, 1020]);
    }),
);

fabricTest(
  "OpenSM moves a P_Key, takes it away and gives it back: the child follows, and its parent keeps running",
  DEFAULT,
  (simulator) =>
    withNode(simulator, NODE, async (node) => {
      await node.event("port_active", await readPort(simulator, NODE));
      await node.child(0x8001);
      await reaches(node, "ib0", RUNNING);
      const before = await reaches(node, "ib0.8001", RUNNING);
      const first = node.states.indexOf(`ib0: ${RUNNING}`);

      /** Restarts OpenSM with other partitions, and delivers the events of the port. */
      const restart = async (partitions: string): Promise<FabricPort> => {
        await simulator.killManager();
        await simulator.startManager({ partitions });
        const port = await readPort(simulator, NODE);
        await node.event("pkey_change", port);
        await node.event("client_reregister", port);
        return port;
      };

      const without = await restart(ONE_LINK.partitions);
      assertEquals(without.pkeys.includes(0x8001), false);
      const waiting = await reaches(
        node,
        "ib0.8001",
        "waiting for P_Key 0x8001 in the port's table",
      );
      assertEquals([waiting.carrier, waiting.qpn], [false, 0]);

      const back = await restart(PARTITIONS);
      await reaches(node, "ib0.8001", RUNNING);
      const joined = await joinedAll(node, "ib0.8001", 2);
      assertEquals(joined.carrier, true);
      assertEquals(
        Object.keys(ownMemberships(joined)),
        Object.keys(ownMemberships(before)),
      );

      // OpenSM keeps the index of a P_Key, so the port reports another one.
      const index = back.pkeys.indexOf(0x8001);
      const moved = [...back.pkeys, 0x8001].with(index, 0);
      await node.event("pkey_change", { ...back, pkeys: moved });
      const { qpn } = await joinedAll(node, "ib0.8001", 2);
      assert(qpn !== joined.qpn, "a new queue pair");
      await reaches(node, "ib0.8001", RUNNING);

      assertEquals(
        node.states.slice(first + 1).filter((each) => each.startsWith("ib0:")),
        [],
      );
    }),
);

for (const lmc of [1, 2]) {
  fabricTest(
    `with LMC ${lmc} the interface joins its groups, and its paths lead from and to LIDs of the ports`,
    { ...ONE_LINK, lmc },
    (simulator) =>
      withNode(simulator, NODE, async (node) => {
        const port = await readPort(simulator, NODE, lmc);
        assertEquals([port.lid, port.lmc], [portLid(NODE, lmc), lmc]);
        await node.event("port_active", port);
        await reaches(node, "ib0", RUNNING);
        const first = (lid: number) => lid >> lmc << lmc;
        const path = await node.get("queryPath", {
          sgid: portGid(NODE),
          dgid: portGid(1),
          pkey: 0xffff,
          tclass: 0,
        });
        assertEquals([first(path.slid), first(path.dlid)], [
          port.lid,
          portLid(1, lmc),
        ]);
        await node.path("ib0", portGid(1));
        const link = await joinedAll(node, "ib0", 2);
        assertEquals(
          link.paths.map(({ state, dlid }) => [state, first(dlid)]),
          [["complete", portLid(1, lmc)]],
        );
        assertEquals(ownMemberships(link), await memberships(simulator, NODE));
      }),
  );
}
