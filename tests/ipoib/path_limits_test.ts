/** Many paths to absent ports: they evict no path in use, and the number of pending queries is limited. */

import { PortMemberships } from "../../src/sa/port_memberships.ts";
import { assert, assertEquals, assertLess } from "@std/assert";
import { getLogger } from "../../src/base/log.ts";
import {
  MAX_PATH_RENEWALS,
  MAX_PENDING_PATHS,
} from "../../src/ipoib/constants.ts";
import { LinkIdentity } from "../../src/ipoib/link_identity.ts";
import { MulticastTable } from "../../src/ipoib/multicast/multicast_table.ts";
import { type Path, PathTable } from "../../src/ipoib/path.ts";
import { Statistics } from "../../src/ipoib/statistics.ts";
import { debugOff } from "./debug_off.ts";
import { PacketSender } from "../../src/ipoib/packet_sender.ts";
import type { SaCallback } from "../../src/sa/result.ts";
import { gidEquals, gidFrom } from "../../src/wire/gid.ts";
import { PathRecord } from "../../src/wire/sa/path_record.ts";
import { DEFAULT_MAX_PATHS, defaultLimits } from "./default_limits.ts";
import { Rig } from "./rig.ts";
import { NO_EVENTS } from "./no_events.ts";

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
  /** DGIDs of the queries. */
  const asked: Uint8Array[] = [];
  sa.queryPath = ({ dgid }, now, done) => {
    asked.push(dgid);
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
    events: NO_EVENTS,
  });
  const table = new PathTable(
    context,
    identity,
    groups,
    statistics,
    debugOff(),
    NO_EVENTS,
    defaultLimits(reactor.clock),
  );
  const request = (gid: Uint8Array) => {
    let answer: Path | "none" | "later" = "later";
    table.request(gid, 0, (path) => answer = path ?? "none");
    return answer as Path | "none" | "later";
  };
  return { table, request, open, asked, queries: () => asked.length };
}

Deno.test("failed paths are evicted before a path in use", () => {
  const { table, request } = setup("refused");
  const path = request(THERE);
  assert(typeof path === "object");
  for (let i = 0; i < 2 * DEFAULT_MAX_PATHS; i++) {
    assertEquals(request(absent(i)), "none");
  }
  assert(path.ah !== undefined);
  assert(table.entries().includes(path));
  assertLess(table.entries().length, DEFAULT_MAX_PATHS + 1);
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

Deno.test("a light flush queries the most recently used paths first, and a limited number at a time", () => {
  const { table, request, open, asked } = setup("silence");
  const record = PathRecord.of({ dlid: 7 });
  const count = 3 * MAX_PATH_RENEWALS;
  for (let i = 0; i < count; i++) request(absent(i));
  for (const done of open.splice(0)) done({ ok: true, record }, 0);
  const paths = table.entries();
  assert(paths.length === count && paths.every(({ ah }) => ah));
  // The paths in the middle of the table were used last.
  const usedAt = (i: number) => Math.min(2 * i + 1, 2 * (count - i));
  table.usedAt = (path) => usedAt(paths.indexOf(path));
  asked.length = 0;
  table.doubtAll(0);
  assertEquals(open.length, MAX_PATH_RENEWALS);
  for (let ended = 0; open.length > 0; ended++) {
    assertLess(open.length, MAX_PATH_RENEWALS + 1);
    // Every second query fails; its path stays in use.
    open.shift()!(
      ended % 2 === 0
        ? { ok: true, record }
        : { ok: false, status: 0, errno: EINVAL },
      0,
    );
  }
  const order = asked.map((dgid) =>
    usedAt(paths.findIndex(({ gid }) => gidEquals(gid, dgid)))
  );
  assertEquals(order, order.toSorted((a, b) => b - a));
  assertEquals(new Set(order).size, count);
  assert(paths.every(({ ah }) => ah));
});
