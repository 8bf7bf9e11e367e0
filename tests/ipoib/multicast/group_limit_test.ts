/** Limit on the groups of an interface: refusals, evictions and later joins. */

import { assert, assertEquals } from "@std/assert";
import { DEFAULT_MAX_GROUPS } from "../../../src/ipoib/constants.ts";
import { Method } from "../../../src/wire/mad.ts";
import { ipv4Mgid } from "../../../src/wire/mgid.ts";
import { gidEquals } from "../../../src/wire/gid.ts";
import { type Host, ip, ipv4Frame, logLines } from "../rig.ts";
import { scriptedHost } from "../scripted_sa.ts";

const ALL_HOSTS = "224.0.0.1";

function setup(maxGroups?: number) {
  const scene = scriptedHost(maxGroups === undefined ? {} : { maxGroups });
  scene.host.posted();
  return scene;
}

function group(number: number): string {
  return `239.1.${number >> 8}.${number & 0xff}`;
}

function has(host: Host, address: string): boolean {
  const mgid = ipv4Mgid(ip(address), host.link.broadcastMgid);
  return host.link.groups.entries().some((each) => gidEquals(each.mgid, mgid));
}

function counters(host: Host) {
  const { groups_refused, groups_evicted } = host.link.statistics.tables
    .snapshot();
  return { groups_refused, groups_evicted };
}

Deno.test("of 1200 memberships those up to the limit are joined, the others counted and logged once", () => {
  const { rig, sa, host } = setup();
  for (let i = 0; i < 1200; i++) host.netdev.config.join(ip(group(i)));
  rig.settle();
  assertEquals(host.link.groups.entries().length, 1 + DEFAULT_MAX_GROUPS);
  assertEquals(sa.take().length, DEFAULT_MAX_GROUPS - 1);
  assert(has(host, ALL_HOSTS));
  const refused = 1201 - DEFAULT_MAX_GROUPS;
  assertEquals(counters(host), { groups_refused: refused, groups_evicted: 0 });
  assertEquals(
    logLines.filter((line) => line.includes("--max-groups")),
    [
      `ib1: warning: Limit of ${DEFAULT_MAX_GROUPS} multicast groups reached: further groups are not joined; raise it with --max-groups`,
    ],
  );
  rig.check();
});

Deno.test("a group over the limit is joined when another group is left", () => {
  const { rig, sa, host } = setup(3);
  const { config } = host.netdev;
  for (let i = 0; i < 4; i++) config.join(ip(group(i)));
  rig.settle();
  assertEquals([2, 3].map((i) => has(host, group(i))), [false, false]);
  sa.take();
  config.leave(ip(group(0)));
  rig.settle();
  assertEquals(
    sa.take().map(({ method, record }) => [method, record.mgid.at(-1)]),
    [[Method.Delete, 0], [Method.Set, 2]],
  );
  assertEquals([2, 3].map((i) => has(host, group(i))), [true, false]);
  assertEquals(counters(host).groups_refused, 2);
  // The all-hosts group is selected first, regardless of other memberships.
  host.port.emit({ type: "lid_change" });
  rig.advance(300);
  assert(has(host, ALL_HOSTS));
  rig.check();
});

Deno.test("packets to groups over the limit are dropped, others are not", () => {
  const { rig, sa, host } = setup(8);
  const send = (number: number) =>
    host.send(ipv4Frame("10.0.0.1", group(number)));
  for (let i = 0; i < 1000; i++) send(i);
  assertEquals(host.link.groups.entries().length, 1 + 8);
  assertEquals(sa.take().length, 7);
  assertEquals(host.drops, { tx_group_limit: 1000 - 7 });
  host.posted();
  send(0);
  assertEquals(host.posted().length, 1);
  // An idle group is replaced, a group in use is not.
  rig.advance(9000);
  send(0);
  rig.advance(2000);
  for (let i = 500; i < 520; i++) send(i);
  assert(has(host, group(0)) && has(host, group(500)));
  assertEquals(has(host, group(1)), false);
  assertEquals(counters(host).groups_evicted, 1, "one per interval");
  assertEquals(host.drops, { tx_group_limit: 1000 - 7 + 19 });
  rig.advance(200);
  send(519);
  assert(has(host, group(519)));
  rig.check();
});

Deno.test("a membership replaces the least recently used send-only group", () => {
  const { rig, host } = setup(4);
  for (const [number, at] of [[0, 5], [1, 5], [2, 5], [0, 5]] as const) {
    host.send(ipv4Frame("10.0.0.1", group(number)));
    rig.advance(at);
  }
  host.netdev.config.join(ip(group(9)));
  rig.settle();
  assertEquals([0, 1, 2, 9].map((i) => has(host, group(i))), [
    true,
    false,
    true,
    true,
  ]);
  assertEquals(counters(host), { groups_refused: 0, groups_evicted: 1 });
  rig.check();
});
