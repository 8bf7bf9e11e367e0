/** Inquiries about refused joins: queries, their number, and where the reason appears. */

import { assert, assertEquals } from "@std/assert";
import { mcgRecords } from "../../../src/daemon/records/mcg_record.ts";
import { formatGid } from "../../../src/wire/gid.ts";
import { MadStatus } from "../../../src/wire/mad.ts";
import { type Host, ip, ipv4Frame, logLines, Rig } from "../rig.ts";
import { REQUEST_INVALID, scriptedHost, ScriptedSa } from "../scripted_sa.ts";

const BROADCAST = "ff12:401b:8001::ffff:ffff";
const isBroadcast = ({ mgid }: { mgid: Uint8Array }) => mgid[15] === 0xff;
/** A group that the embedded port cannot join because of its MTU. */
const LARGE = { mtu: 5, rate: 3, qkey: 0x80001234, pkey: 0x8001 };

/** Creates a host in partition 0x8001 whose joins are refused with `status`. */
function refusing(status: number | undefined, groupOf: ScriptedSa["groupOf"]) {
  const rig = new Rig(false);
  const sa = new ScriptedSa(rig);
  sa.joinStatus = () => status;
  sa.groupOf = groupOf;
  const host = rig.host({ register: false, state: "down", pkeys: [0x8001] });
  host.port.emit({ type: "port_active" }, {
    ...{ state: "active", lid: 5, smLid: 1 },
  });
  rig.settle();
  return { rig, sa, host };
}

const failures = () =>
  logLines.filter((line) => line.includes("multicast join failed for"));
const mgids = (sa: ScriptedSa) =>
  sa.inquiries.splice(0).map(({ mgid }) => formatGid(mgid));

function shown(host: Host, mgid: string) {
  const now = host.rig.reactor.clock.now();
  const records = mcgRecords(host.link, now);
  const found = records.find((each) => each.mgid === mgid);
  assert(found, mgid);
  return [found.error, found.reason];
}

Deno.test("log, state and group table name the field that does not match, each once", () => {
  const { rig, sa, host } = refusing(REQUEST_INVALID, () => LARGE);
  assertEquals(mgids(sa), [BROADCAST]);
  assertEquals(failures(), [
    `ib1: warning: multicast join failed for ${BROADCAST}, status -22: the group has MTU 4096, the port has 2048`,
  ]);
  const state = `broadcast group ${BROADCAST} has MTU 4096, the port has 2048`;
  assertEquals(host.states, [
    `ib1: waiting to join the broadcast group ${BROADCAST}`,
    `ib1: ${state}`,
  ]);
  assertEquals(shown(host, "ff12:401b:8001:0:0:0:ffff:ffff"), [
    "status -22",
    "the group has MTU 4096, the port has 2048",
  ]);
  // The reason follows the record of the group.
  sa.groupOf = () => ({ ...LARGE, pkey: 0x8002 });
  rig.advance(2000);
  assertEquals(
    host.link.state,
    `broadcast group ${BROADCAST} has P_Key 0x8002, the join requires 0x8001; has MTU 4096, the port has 2048`,
  );
  sa.joinStatus = () => 0;
  rig.advance(20_000);
  assertEquals(host.link.state, "running");
  assertEquals(shown(host, "ff12:401b:8001:0:0:0:ffff:ffff"), [
    undefined,
    undefined,
  ]);
  rig.check();
});

Deno.test("an absent broadcast group is searched in three other scopes", () => {
  const { InsufficientComponents, NoRecords } = MadStatus;
  const absent = refusing(InsufficientComponents, () => NoRecords);
  assertEquals(mgids(absent.sa), [
    BROADCAST,
    "ff15:401b:8001::ffff:ffff",
    "ff18:401b:8001::ffff:ffff",
    "ff1e:401b:8001::ffff:ffff",
  ]);
  assertEquals(
    absent.host.link.state,
    `broadcast group ${BROADCAST} does not exist in partition 0x8001`,
  );
  const wide = refusing(
    InsufficientComponents,
    (mgid) => mgid[1] === 0x18 ? LARGE : NoRecords,
  );
  assertEquals(mgids(wide.sa).length, 3);
  assertEquals(
    wide.host.link.state,
    `broadcast group ${BROADCAST} does not exist in partition 0x8001, whose broadcast group ff18:401b:8001::ffff:ffff has scope 8`,
  );
});

Deno.test("a concealed broadcast group is not searched in other scopes", () => {
  const { sa, host } = refusing(REQUEST_INVALID, () => MadStatus.NoRecords);
  assertEquals(mgids(sa), [BROADCAST]);
  assertEquals(
    host.link.state,
    `broadcast group ${BROADCAST} is in partition 0x8001, of which the port is not a member according to the subnet administrator`,
  );
});

Deno.test("an inquiry follows each new step of the backoff and each new status, then one per minute", () => {
  const { rig, sa } = refusing(REQUEST_INVALID, () => LARGE);
  rig.advance(600_000);
  const times = sa.inquiries.map(({ at }) => at);
  const pauses = times.slice(1).map((at, i) => (at - times[i]!) / 1000);
  assertEquals(pauses.slice(0, 6), [2, 4, 8, 16, 64, 64]);
  assert(sa.take().length > 35);
  sa.inquiries.length = 0;
  sa.joinStatus = () => MadStatus.RequestDenied;
  rig.advance(16_000);
  assertEquals(sa.inquiries.length, 1);
  rig.check();
});

Deno.test("a client reregister makes an inquiry due", () => {
  const { rig, sa, host } = refusing(REQUEST_INVALID, () => LARGE);
  rig.advance(100_000);
  sa.inquiries.length = 0;
  sa.groupOf = () => ({ ...LARGE, rate: 22 });
  host.port.emit({ type: "client_reregister" });
  rig.settle();
  assertEquals(sa.inquiries.length, 1);
  assert(
    host.link.state.endsWith("has rate 600 Gb/sec, the port has 100 Gb/sec"),
  );
});

Deno.test("no inquiry follows a join without a reply or with a status that is not about the group", () => {
  const { NoResources, InvalidGid, UnsupportedMethodAttribute, Busy } =
    MadStatus;
  for (
    const status of [
      ...[undefined, NoResources, InvalidGid],
      ...[UnsupportedMethodAttribute, Busy],
    ]
  ) {
    const { rig, sa, host } = refusing(status, () => LARGE);
    rig.advance(60_000);
    assertEquals(sa.inquiries, []);
    assert(host.link.state !== "running");
    if (status !== NoResources) continue;
    assertEquals(
      failures()[0],
      `ib1: warning: multicast join failed for ${BROADCAST}, status -22: the subnet administrator refuses the join with status 0x0100 (no resources)`,
    );
  }
});

Deno.test("a status of the vendor starts an inquiry too", () => {
  const { host } = refusing(0x8100, () => LARGE);
  assert(host.link.state.endsWith("has MTU 4096, the port has 2048"));
});

Deno.test("a query without a reply ends with the retry; the failure is logged once, with the status", () => {
  const { rig, sa, host } = refusing(REQUEST_INVALID, () => undefined);
  assertEquals(failures(), []);
  rig.advance(2000);
  assertEquals(failures(), [
    `ib1: warning: multicast join failed for ${BROADCAST}, status -22: the subnet administrator refuses the join with status 0x0200 (request invalid)`,
  ]);
  assertEquals(
    host.link.state,
    `broadcast group ${BROADCAST} does not exist in partition 0x8001, or this port may not join it`,
  );
  rig.advance(600_000);
  // Up to eleven transmissions for each inquiry.
  assert(sa.inquiries.length <= 11 * (5 + 10), `${sa.inquiries.length}`);
  rig.check();
});

Deno.test("removing a group ends its inquiry and logs the failure", () => {
  const { rig, sa, host } = refusing(REQUEST_INVALID, () => undefined);
  host.netdev.change({ up: false });
  rig.settle();
  assertEquals(failures().length, 1);
  const sent = sa.inquiries.length;
  rig.advance(60_000);
  assertEquals([sa.inquiries.length, host.link.state], [
    sent,
    "administratively down",
  ]);
  rig.check();
});

/** Creates a running host whose joins of other groups than the broadcast group are refused. */
function member(groupOf: ScriptedSa["groupOf"]) {
  const scene = scriptedHost();
  scene.sa.joinStatus = (record) => isBroadcast(record) ? 0 : REQUEST_INVALID;
  scene.sa.groupOf = groupOf;
  return scene;
}

Deno.test("a group that exists is compared with the join", () => {
  const { rig, sa, host } = member(() => ({
    ...{ pkey: 0xffff, qkey: 0x80001234, mtu: 4, rate: 3, sl: 5 },
  }));
  host.netdev.config.join(ip("239.1.1.1"));
  rig.settle();
  assertEquals(mgids(sa), ["ff12:401b:ffff::f01:101"]);
  const reason = "the group has SL 5, the join requires 0";
  assertEquals(shown(host, "ff12:401b:ffff:0:0:0:f01:101"), [
    "status -22",
    reason,
  ]);
  assertEquals(failures(), [
    `ib1: warning: multicast join failed for ff12:401b:ffff::f01:101, status -22: ${reason}`,
  ]);
  assertEquals(host.link.state, "running");
});

Deno.test("a group that does not exist is compared with its broadcast group", () => {
  const { rig, sa, host } = member((mgid) =>
    isBroadcast({ mgid })
      ? { pkey: 0xffff, qkey: 0x0b1b, mtu: 4, rate: 3 }
      : MadStatus.NoRecords
  );
  host.netdev.config.join(ip("239.1.1.1"));
  rig.settle();
  assertEquals(mgids(sa), [
    "ff12:401b:ffff::f01:101",
    "ff12:401b:ffff::ffff:ffff",
  ]);
  assertEquals(
    shown(host, "ff12:401b:ffff:0:0:0:f01:101")[1],
    "the group does not exist and cannot be created: its broadcast group ff12:401b:ffff::ffff:ffff has Q_Key 0x00000b1b, the join requires 0x80001234",
  );
});

Deno.test("one query runs at a time; a query without a reply ends the inquiries that wait", () => {
  const { rig, sa, host } = member(() => undefined);
  for (let i = 1; i <= 20; i++) host.netdev.config.join(ip(`239.1.1.${i}`));
  rig.settle();
  assertEquals(sa.inquiries.length, 1);
  rig.advance(2000);
  // Seven transmissions of the first inquiry, and one after the retries of the joins.
  assertEquals([sa.inquiries.length, failures().length], [8, 20]);
  assertEquals(new Set(mgids(sa)).size, 1);
  sa.joinStatus = () => undefined;
  rig.advance(100_000);
  sa.groupOf = () => ({ qkey: 5, mtu: 4, rate: 3, pkey: 0xffff, sl: 0 });
  sa.inquiries.length = 0;
  sa.joinStatus = (record) => isBroadcast(record) ? 0 : REQUEST_INVALID;
  rig.advance(100_000);
  const reasons = mcgRecords(host.link, 0).filter(({ reason }) =>
    reason === "the group has Q_Key 0x00000005, the join requires 0x80001234"
  );
  assertEquals(reasons.length, 20);
  rig.check();
});

Deno.test("a group to which packets are only sent is inquired about once per minute", () => {
  const { rig, sa, host } = member(() => ({ qkey: 5, pkey: 0xffff }));
  for (let second = 0; second < 120; second++) {
    host.send(ipv4Frame("10.0.0.1", "239.4.4.4"));
    rig.advance(1000);
  }
  assert(sa.take().length > 40);
  assert(sa.inquiries.length <= 5, `${sa.inquiries.length}`);
  assertEquals(failures(), [], "logged with mcast_debug_level only");
  assertEquals(
    shown(host, "ff12:401b:ffff:0:0:0:f04:404")[1]?.slice(0, 32),
    "the group has Q_Key 0x00000005, ",
  );
  rig.check();
});
