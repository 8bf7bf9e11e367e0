/** Interfaces on a subnet whose manager assigns another prefix than fe80::/64. */

import { assertEquals } from "@std/assert";
import { portGid, portLid } from "../../scripts/opensm/fabric.ts";
import { readPort } from "../../scripts/opensm/read.ts";
import { formatGid } from "../../src/wire/gid.ts";
import {
  formatLinkAddress,
  linkAddressBytes,
} from "../../src/wire/link_address.ts";
import type { LinkStatus } from "./fabric_node.ts";
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

const PREFIX = 0xfec0_0000_0000_0001n;
const OTHER_PREFIX = {
  ...ONE_LINK,
  options: "subnet_prefix 0xfec0000000000001\n",
};

/** Asserts the GID in the link-layer address of an interface on the second port. */
function assertGid({ address, qpn }: LinkStatus, gid: Uint8Array): void {
  assertEquals(
    address,
    formatLinkAddress(linkAddressBytes({ flags: 0, qpn, gid })),
  );
}

/** Returns the paths as GID, state and DLID. */
function pathsOf({ paths }: LinkStatus) {
  return paths.map(({ gid, state, dlid }) => [formatGid(gid), state, dlid]);
}

fabricTest(
  "with another subnet prefix, the address, the memberships and the paths of the interface have it",
  OTHER_PREFIX,
  (simulator) =>
    withNode(simulator, NODE, async (node) => {
      const gid = portGid(NODE, PREFIX);
      const port = await readPort(simulator, NODE);
      assertEquals(port.gid, gid);
      await node.event("port_active", port);
      await reaches(node, "ib0", RUNNING);
      await node.path("ib0", portGid(1, PREFIX));
      const link = await joinedAll(node, "ib0", 2);
      assertGid(link, gid);
      assertEquals(
        ownMemberships(link),
        await memberships(simulator, NODE, gid),
      );
      assertEquals(pathsOf(link), [[
        formatGid(portGid(1, PREFIX)),
        "complete",
        portLid(1),
      ]]);
    }),
);

fabricTest(
  "OpenSM restarts with another subnet prefix: the interface takes the new GID, and keeps carrier, queue pair and paths",
  OTHER_PREFIX,
  (simulator) =>
    withNode(simulator, NODE, async (node) => {
      await activate(node, simulator);
      await node.path("ib0", portGid(1, PREFIX));
      const before = await joinedAll(node, "ib0", 2);
      const states = node.states.length;

      await simulator.killManager();
      await simulator.startManager(ONE_LINK);
      await node.event("gid_change", await readPort(simulator, NODE));
      await node.path("ib0", portGid(1));
      const link = await joinedAll(node, "ib0", 2);
      assertGid(link, portGid(NODE));
      assertEquals([link.carrier, link.qpn], [true, before.qpn]);
      assertEquals(ownMemberships(link), await memberships(simulator, NODE));
      // OpenSM refuses the query for the former GID of the peer. Its path stays in use until the peer is resolved again.
      assertEquals(pathsOf(link), [
        [formatGid(portGid(1, PREFIX)), "doubtful", portLid(1)],
        [formatGid(portGid(1)), "complete", portLid(1)],
      ]);
      assertEquals(node.states.slice(states), []);
    }),
);
