/** An interface in a partition with a controlled Q_Key, whose bit 31 is set (IBTA vol. 1 10.2.5). */

import { assertEquals } from "@std/assert";
import { readPort } from "../../scripts/opensm/read.ts";
import { parseIpv4 } from "../../src/wire/ipv4_address.ts";
import { until } from "../e2e/harness/until.ts";
import {
  activate,
  joinedAll,
  memberships,
  NODE,
  ONE_LINK,
  ownMemberships,
  withNode,
} from "./interfaces.ts";
import { fabricTest } from "./support.ts";

const QKEY = 0x80000b1b;
/** The group of 239.1.1.1 has the default Q_Key. */
const PARTITIONS = `Default=0x7fff, ipoib, Q_Key=0x80000b1b :
  mgid=ff12:401b:ffff::f01:101,Q_Key=0x0b1b
  ALL=full ;
`;

fabricTest(
  "with Q_Key 0x80000b1b, the queue pair and the groups of the interface have it, and a group with another one is refused",
  { partitions: PARTITIONS },
  (simulator) =>
    withNode(simulator, NODE, async (node) => {
      await activate(node, simulator);
      await node.member("ib0", parseIpv4("239.1.2.3")!);
      const link = await joinedAll(node, "ib0", 3);
      assertEquals(link.qkey, QKEY);
      assertEquals(link.groups.map(({ qkey }) => qkey), [QKEY, QKEY, QKEY]);
      assertEquals(ownMemberships(link), await memberships(simulator, NODE));

      await node.member("ib0", parseIpv4("239.1.1.1")!);
      const reason =
        "the group has Q_Key 0x00000b1b, the join requires 0x80000b1b";
      await until(reason, async () => {
        const { groups } = await node.link("ib0");
        return groups.some((group) => group.reason === reason);
      });
    }),
);

fabricTest(
  "OpenSM restarts with Q_Key 0x80000b1b: the interface follows, and keeps carrier and queue pair",
  ONE_LINK,
  (simulator) =>
    withNode(simulator, NODE, async (node) => {
      await activate(node, simulator);
      const before = await joinedAll(node, "ib0", 2);
      assertEquals(before.qkey, 0x0b1b);
      const states = node.states.length;

      await simulator.killManager();
      await simulator.startManager({ partitions: PARTITIONS });
      await node.event("client_reregister", await readPort(simulator, NODE));
      const link = await joinedAll(node, "ib0", 2);
      assertEquals([link.carrier, link.qpn, link.qkey], [
        true,
        before.qpn,
        QKEY,
      ]);
      assertEquals(link.groups.map(({ qkey }) => qkey), [QKEY, QKEY]);
      assertEquals(ownMemberships(link), await memberships(simulator, NODE));
      assertEquals(node.states.slice(states), []);
    }),
);
