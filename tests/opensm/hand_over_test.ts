/**
 * The master hands over to another OpenSM, or is killed and another one takes its place. The new master has no
 * memberships, and assigns other MLIDs.
 */

import { assertEquals, assertNotEquals } from "@std/assert";
import { portGid, portLid } from "../../scripts/opensm/fabric.ts";
import { readPort } from "../../scripts/opensm/read.ts";
import type {
  ManagerOptions,
  Simulator,
} from "../../scripts/opensm/simulator.ts";
import {
  killMaster,
  managerReaches,
  masterOf,
  startStandby,
} from "../../scripts/opensm/standby.ts";
import { groupJoin, groupQuery } from "../../src/sa/requests.ts";
import { formatGid } from "../../src/wire/gid.ts";
import { parseIpv4 } from "../../src/wire/ipv4_address.ts";
import { broadcastMgid, ipv4Mgid } from "../../src/wire/mgid.ts";
import { until } from "../e2e/harness/until.ts";
import type { FabricNode } from "./fabric_node.ts";
import {
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

const FIRST = 0;
const SECOND = 4;
const BROADCAST = broadcastMgid(0xffff);
/** Every host is a member of 224.0.0.1. */
const ALL_HOSTS = formatGid(ipv4Mgid(parseIpv4("224.0.0.1")!, BROADCAST));
/** Groups that the port joins before the interface and only at the first master, which gives them MLIDs. */
const FORMER = ["239.1.2.1", "239.1.2.2"];
/** A group that the interface joins when the former master no longer answers. */
const LATE = parseIpv4("239.1.2.4")!;
const LATE_MGID = formatGid(ipv4Mgid(LATE, BROADCAST));
/** Longer than a test: a standby does not poll. */
const NEVER_MS = 600_000;

function managerOptions(
  priority: number,
  pollMs = NEVER_MS,
): Pick<ManagerOptions, "partitions" | "options"> {
  const options = `sm_priority ${priority}
sminfo_polling_timeout ${pollMs}
polling_retry_number 2
`;
  return { ...ONE_LINK, options };
}

/** How the second OpenSM becomes the master, and the time in which it notices that the first one has ended. */
const CHANGES: {
  name: string;
  pollMs?: number;
  change(simulator: Simulator): Promise<void>;
}[] = [
  {
    name: "OpenSM hands over to another one of higher priority",
    async change(simulator) {
      await simulator.changeOptions(FIRST, managerOptions(1));
      await managerReaches(simulator, SECOND, "master");
      await managerReaches(simulator, FIRST, "standby");
    },
  },
  {
    name: "OpenSM is killed and its standby takes its place",
    pollMs: 100,
    change: (simulator) => killMaster(simulator, FIRST, SECOND),
  },
];

for (const { name, pollMs, change } of CHANGES) {
  for (const reregister of [true, false]) {
    const joins = reregister
      ? "with the reregister event the interface joins again"
      : "without a reregister event the interface joins again after a check of its memberships";
    fabricTest(
      `${name}: ${joins}, and keeps carrier, queue pair and path`,
      managerOptions(10),
      (simulator) =>
        withNode(simulator, NODE, async (node) => {
          const first = await readPort(simulator, NODE);
          await node.event("sm_change", { ...first, state: "init" });
          await joinFormer(node);
          await node.event("port_active", first);
          await reaches(node, "ib0", RUNNING);
          await node.path("ib0", portGid(1));
          const before = await joinedAll(node, "ib0", 2);
          const states = node.states.length;

          await startStandby(simulator, FIRST, {
            ...managerOptions(5, pollMs),
            node: SECOND,
          });
          await change(simulator);
          await masterOf(simulator, NODE, SECOND);
          // The former master does not answer this join; the next one answers when it is repeated.
          await node.member("ib0", LATE);
          const port = await readPort(simulator, NODE);
          assertEquals(port.smLid, portLid(SECOND));
          await node.event("sm_change", port);
          if (reregister) await node.event("client_reregister");
          else {
            await joinedAll(node, "ib0", 3);
            const known = await memberships(simulator, NODE);
            assertEquals(Object.keys(known), [LATE_MGID]);
            await node.check();
          }
          await until("OpenSM has the memberships", async () => {
            const known = await memberships(simulator, NODE);
            return Object.keys(known).length === 3;
          });
          const after = await joinedAll(node, "ib0", 3);
          const own = ownMemberships(after);
          assertEquals(own, await memberships(simulator, NODE));
          const mlids = Object.values(own).map(([mlid]) => mlid);
          assertEquals(after.attached, mlids.sort());
          const [mlid] = ownMemberships(before)[ALL_HOSTS]!;
          assertNotEquals(own[ALL_HOSTS]![0], mlid);
          assertEquals([after.carrier, after.qpn], [true, before.qpn]);
          assertEquals(after.paths.map(({ state, dlid }) => [state, dlid]), [
            ["complete", portLid(1)],
          ]);
          assertEquals(node.states.slice(states), []);
        }),
    );
  }
}

async function joinFormer(node: FabricNode): Promise<void> {
  const link = await node.get("get", groupQuery(BROADCAST));
  for (const address of FORMER) {
    const mgid = ipv4Mgid(parseIpv4(address)!, BROADCAST);
    await node.get("join", groupJoin(mgid, portGid(NODE), link));
  }
}
