/** Memberships that another program on the port ended are detected, counted, logged once and joined again. */

import { assert, assertEquals } from "@std/assert";
import { MadStatus, Method } from "../../../src/wire/mad.ts";
import type { McMemberRecord } from "../../../src/wire/sa/mc_member_record.ts";
import { ip, logLines, Rig } from "../rig.ts";
import { scriptedHost } from "../scripted_sa.ts";
import { SaAttribute } from "../../../src/wire/sa/sa_mad.ts";

const CHECK_MS = 30_000;

function setup() {
  const scene = scriptedHost();
  const { tables } = scene.host.link.statistics;
  return { ...scene, lost: () => tables.get("memberships_lost") };
}

const isBroadcast = ({ mgid }: Pick<McMemberRecord, "mgid">) =>
  mgid[15] === 0xff;

Deno.test("each membership is checked every 30 to 60 s, with one query", () => {
  const { rig, sa, host } = setup();
  rig.advance(20 * CHECK_MS);
  const times = sa.checks.filter(isBroadcast).map(({ at }) => at);
  const pauses = times.slice(1).map((at, i) => at - times[i]!);
  assert(pauses.length >= 8);
  for (const pause of pauses) {
    assert(pause >= CHECK_MS && pause <= 2 * CHECK_MS, `${pause}`);
  }
  assertEquals(new Set(sa.checks.map(({ mgid }) => mgid.join())).size, 2);
  assertEquals(sa.take(), []);
  assertEquals(host.link.statistics.tables.get("memberships_lost"), 0);
  rig.check();
});

Deno.test("checks of many interfaces are spread over time", () => {
  const rig = new Rig();
  const times: number[] = [];
  rig.subnet!.lose = ({ method, attributeId }, towards) => {
    if (
      towards === "manager" && method === Method.Get &&
      attributeId === SaAttribute.McMemberRecord
    ) {
      times.push(rig.reactor.clock.now());
    }
    return false;
  };
  for (let i = 0; i < 40; i++) rig.host();
  rig.advance(2 * CHECK_MS);
  const first = times[0]!;
  const perSecond = new Map<number, number>();
  for (const at of times) {
    const second = Math.floor((at - first) / 1000);
    perSecond.set(second, (perSecond.get(second) ?? 0) + 1);
  }
  // 40 hosts with two groups each, over 30 s or more.
  assert(times.length >= 80);
  assert(Math.max(...perSecond.values()) < 20);
  rig.check();
});

Deno.test("a lost membership is joined again, counted, and logged once", () => {
  const { rig, sa, host, lost } = setup();
  sa.checkStatus = (record) => isBroadcast(record) ? MadStatus.NoRecords : 0;
  rig.advance(2 * CHECK_MS);
  const joins = sa.take();
  assertEquals(
    joins.map(({ method, record }) => [method, isBroadcast(record)]),
    joins.map(() => [Method.Set, true]),
  );
  assert(joins.length >= 1);
  rig.advance(10 * CHECK_MS);
  assertEquals(lost(), joins.length + sa.take().length);
  assert(lost() > 4);
  assertEquals(logLines.filter((line) => line.includes("no longer a member")), [
    "ib1: warning: The port was no longer a member of ff12:401b:ffff::ffff:ffff, as after a leave by another program on the port: joining again",
  ]);
  assertEquals([host.link.state, host.netdev.carrier], ["running", true]);
  rig.check();
});

Deno.test("checkMemberships() checks all groups at once, one after the other", () => {
  const { rig, sa, host, lost } = setup();
  sa.checkStatus = () => MadStatus.NoRecords;
  host.link.checkMemberships();
  rig.settle();
  assertEquals(sa.checks.length, 2);
  assertEquals(lost(), 2);
  assertEquals(sa.take().map(({ method }) => method), [
    Method.Set,
    Method.Set,
  ]);
  rig.check();
});

Deno.test("a group that the kernel leaves while its membership is checked is not joined again", () => {
  const { rig, sa, host, lost } = setup();
  const group = ip("239.1.1.1");
  host.netdev.config.join(group);
  rig.settle();
  sa.take();
  sa.checkStatus = ({ mgid }) => {
    if (mgid[14] !== 1) return 0;
    host.netdev.config.leave(group);
    return MadStatus.NoRecords;
  };
  host.link.checkMemberships();
  rig.advance(1000);
  assertEquals(sa.take().map(({ method }) => method), [Method.Delete]);
  assertEquals([lost(), host.port.handles.size], [0, 2]);
  rig.check();
});

Deno.test("a missing or unexpected response to a check does not end a membership", () => {
  const { rig, sa, lost } = setup();
  sa.checkStatus = () => undefined;
  rig.advance(10 * CHECK_MS);
  // One query at a time, repeated up to ten times, per 30 to 60 s.
  assert(sa.checks.length <= 10 * 11, `${sa.checks.length}`);
  sa.checkStatus = () => MadStatus.UnsupportedMethodAttribute;
  rig.advance(2 * CHECK_MS);
  assertEquals([lost(), sa.take()], [0, []]);
  rig.check();
});

Deno.test("the embedded subnet's administrator confirms memberships", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  rig.advance(4 * CHECK_MS);
  assertEquals(a.link.statistics.tables.get("memberships_lost"), 0);
  rig.check();
});
