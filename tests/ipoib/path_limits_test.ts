/** Many paths to absent ports: they evict no path in use, and the number of pending queries is limited. */

import { PortMemberships } from "../../src/sa/port_memberships.ts";
import { assert, assertEquals, assertLess } from "@std/assert";
import { getLogger } from "../../src/base/log.ts";
import { MAX_PATHS, MAX_PENDING_PATHS } from "../../src/ipoib/constants.ts";
import { LinkIdentity } from "../../src/ipoib/link_identity.ts";
import { MulticastTable } from "../../src/ipoib/multicast/multicast_table.ts";
import { type Path, PathTable } from "../../src/ipoib/path.ts";
import { Statistics } from "../../src/ipoib/statistics.ts";
import { debugOff } from "./debug_off.ts";
import { PacketSender } from "../../src/ipoib/packet_sender.ts";
import type { SaCallback } from "../../src/sa/result.ts";
import { gidEquals, gidFrom } from "../../src/wire/gid.ts";
import { PathRecord } from "../../src/wire/sa/path_record.ts";
import { Rig } from "./rig.ts";

const PREFIX = 0xfe80_0000_0000_0000n;
const EINVAL = 22;
const THERE = gidFrom(PREFIX, 1n);

function absent(number: number): Uint8Array {
  return gidFrom(PREFIX, 0x1000_0000n + BigInt(number));
}

/** A path table whose administrator has one port, and refuses queries for others at once or does not respond. */
function setup(others: "refused" | "silence") {
  const rig = new Rig(false);
  const { port, sa } = rig.host();
  const { reactor } = rig;
  const open: SaCallback<PathRecord>[] = [];
  let queries = 0;
  sa.queryPath = ({ dgid }, now, done) => {
    queries++;
    if (gidEquals(dgid, THERE)) {
      done({ ok: true, record: PathRecord.of({ dgid, dlid: 7 }) }, now);
    } else if (others === "silence") open.push(done);
    else done({ ok: false, status: 0, errno: EINVAL }, now);
    return { cancel: () => {} };
  };
  const context = { reactor, port, sa, memberships: new PortMemberships(sa) };
  const identity = new LinkIdentity(port);
  const statistics = new Statistics();
  const sender = new PacketSender(port.send, statistics, debugOff());
  const log = getLogger("ib0");
  const groups = new MulticastTable({
    ...{ context, sender, identity, log },
    debug: debugOff(),
  });
  const table = new PathTable(
    context,
    identity,
    groups,
    statistics,
    debugOff(),
  );
  const request = (gid: Uint8Array) => {
    let answer: Path | "none" | "later" = "later";
    table.request(gid, 0, (path) => answer = path ?? "none");
    return answer as Path | "none" | "later";
  };
  return { table, request, open, queries: () => queries };
}

Deno.test("failed paths are evicted before a path in use", () => {
  const { table, request } = setup("refused");
  const path = request(THERE);
  assert(typeof path === "object");
  for (let i = 0; i < 2 * MAX_PATHS; i++) {
    assertEquals(request(absent(i)), "none");
  }
  assert(path.ah !== undefined);
  assert(table.entries().includes(path));
  assertLess(table.entries().length, MAX_PATHS + 1);
});

Deno.test("the number of pending path queries is limited", () => {
  const { table, request, open, queries } = setup("silence");
  for (let i = 0; i < MAX_PENDING_PATHS; i++) {
    assertEquals(request(absent(i)), "later");
  }
  assertEquals(queries(), MAX_PENDING_PATHS);
  // A further request for a pending path waits; one for a new path fails.
  assertEquals(request(absent(0)), "later");
  assertEquals(request(THERE), "none");
  assertEquals(queries(), MAX_PENDING_PATHS);
  open[0]!({ ok: false, status: 0, errno: EINVAL }, 0);
  assert(typeof request(THERE) === "object");
  // A flush ends the pending queries.
  table.flush();
  assertEquals(request(absent(0)), "later");
});
