/** An interface whose port is a limited member of the default partition, and of no other one. */

import { assertEquals } from "@std/assert";
import { portGid, portGuid, portLid } from "../../scripts/opensm/fabric.ts";
import { readPort } from "../../scripts/opensm/read.ts";
import { formatGid } from "../../src/wire/gid.ts";
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

const FULL = 1;
const LIMITED = 3;
/** Only the manager's port and port 1 are full members. */
const LIMITED_MEMBERS = {
  partitions: `Default=0x7fff, ipoib : ALL=limited, SELF=full, 0x${
    portGuid(FULL).toString(16)
  }=full ;\n`,
};

fabricTest(
  "with the default P_Key 0x7fff only, the interface joins its groups, names the limited member that it does not reach, and reaches it as a full member",
  LIMITED_MEMBERS,
  (simulator) =>
    withNode(simulator, NODE, async (node) => {
      const port = await readPort(simulator, NODE);
      assertEquals(port.pkeys, [0x7fff]);
      await node.event("port_active", port);
      await reaches(node, "ib0", RUNNING);
      await node.path("ib0", portGid(FULL));
      await node.path("ib0", portGid(LIMITED));
      const link = await joinedAll(node, "ib0", 2);
      assertEquals([link.pkey, link.limited], [0xffff, true]);
      assertEquals(ownMemberships(link), await memberships(simulator, NODE));
      assertEquals(link.paths.map(({ state, dlid }) => [state, dlid]), [
        ["complete", portLid(FULL)],
        ["idle", 0],
      ]);
      assertEquals(link.unreached, [{
        destination: formatGid(portGid(LIMITED)),
        reason: "no path; both ends are limited members of partition 0xffff",
      }]);

      const states = node.states.length;
      await simulator.killManager();
      await simulator.startManager(ONE_LINK);
      const full = await readPort(simulator, NODE);
      assertEquals(full.pkeys, [0xffff]);
      await node.event("pkey_change", full);
      await node.event("client_reregister");
      await node.path("ib0", portGid(LIMITED));
      const after = await joinedAll(node, "ib0", 2);
      assertEquals([after.pkey, after.limited, after.unreached], [
        0xffff,
        false,
        [],
      ]);
      assertEquals([after.carrier, after.qpn], [true, link.qpn]);
      assertEquals(after.paths.map(({ state, dlid }) => [state, dlid]), [
        ["complete", portLid(FULL)],
        ["complete", portLid(LIMITED)],
      ]);
      assertEquals(ownMemberships(after), await memberships(simulator, NODE));
      assertEquals(node.states.slice(states), []);
    }),
);
