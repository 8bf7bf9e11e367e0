/** Joins and leaves of multicast groups: order, contents, retries, log, and use of the groups. */

import { assert, assertEquals } from "@std/assert";
import { gidEquals } from "../../../src/wire/gid.ts";
import { Method } from "../../../src/wire/mad.ts";
import { ipv4Mgid } from "../../../src/wire/mgid.ts";
import type { MulticastGroup } from "../../../src/ipoib/multicast/multicast_group.ts";
import { type Host, ip, ipv4Frame, logLines, Rig } from "../rig.ts";
import { REQUEST_INVALID, ScriptedSa } from "../scripted_sa.ts";

const JOIN = Method.Set;
const LEAVE = Method.Delete;
const active = {
  state: "active" as const,
  lid: 5,
  pkeys: [0xffff],
  register: false,
  address: "10.0.0.1",
};

function scripted(joinStatus?: ScriptedSa["joinStatus"]) {
  const rig = new Rig(false);
  const sa = new ScriptedSa(rig);
  if (joinStatus) sa.joinStatus = joinStatus;
  const host = rig.host(active);
  host.port.set({ smLid: 1 });
  return { rig, sa, host };
}

function mgid(host: Host, group: string): Uint8Array {
  return ipv4Mgid(ip(group), host.link.broadcastMgid);
}

function find(host: Host, group: string): MulticastGroup | undefined {
  const wanted = mgid(host, group);
  return host.link.groups.entries().find((g) => gidEquals(g.mgid, wanted));
}

const isBroadcast = (record: { mgid: Uint8Array }) => record.mgid[15] === 0xff;

Deno.test("the broadcast group is joined first, with the minimal component mask, and other groups only afterwards", () => {
  const rig = new Rig(false);
  const sa = new ScriptedSa(rig);
  sa.joinStatus = () => undefined;
  const host = rig.host(active);
  host.port.set({ smLid: 1 });
  host.netdev.config.join(ip("239.1.2.3"));
  rig.advance(1000);
  const requests = sa.take();
  assert(requests.length > 1);
  for (const { method, mask, record } of requests) {
    assertEquals([method, mask, record.joinState], [JOIN, 0x10083n, 1]);
    assertEquals(record.mgid, host.link.broadcastMgid);
    assertEquals(record.pkey, 0xffff);
  }
  assertEquals([host.netdev.carrier, host.link.carrier], [false, false]);
  assertEquals(
    host.link.state,
    "waiting to join the broadcast group ff12:401b:ffff::ffff:ffff",
  );
  sa.joinStatus = () => 0;
  rig.advance(300);
  assertEquals([host.netdev.carrier, host.link.state], [true, "running"]);
  const [broadcast, ...others] = sa.take();
  assertEquals(broadcast!.mask, 0x10083n);
  // Other groups are joined with the parameters of the broadcast group.
  assertEquals(others.map(({ mask }) => mask), [0x173f7n, 0x173f7n]);
  for (const { record } of others) {
    assertEquals(
      [record.qkey, record.mtu, record.rate, record.joinState],
      [0x80001234, 4, 3, 1],
    );
    assertEquals([record.mtuSelector, record.rateSelector], [2, 2]);
  }
  assertEquals(
    others.map(({ record }) => record.mgid).sort(),
    [mgid(host, "239.1.2.3"), mgid(host, "224.0.0.1")].sort(),
  );
  assertEquals(host.port.qps.get(host.link.qpn)!.attached.length, 3);
});

Deno.test("packets are sent and received with the Q_Key of the broadcast group, including a controlled Q_Key", () => {
  const { rig, host } = scripted();
  rig.advance(300);
  assertEquals(host.port.qps.get(host.link.qpn)!.qkey, 0x80001234);
  assertEquals(host.posted().map(({ qkey }) => qkey), [0x80001234]);
});

Deno.test("the MTU is that of the group minus four, limited by the port", () => {
  for (const [code, mtu] of [[3, 1020], [4, 2044], [5, 2044]] as const) {
    const rig = new Rig(false);
    new ScriptedSa(rig).group = { mtu: code, qkey: 1, rate: 3 };
    const host = rig.host(active);
    host.port.set({ smLid: 1 });
    rig.advance(300);
    assertEquals(host.netdev.config.mtu, mtu, "never more than the port's");
  }
});

Deno.test("a membership of the kernel is a full join, and its end a leave", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  b.netdev.config.join(ip("239.1.2.3"));
  rig.settle();
  assertEquals(find(b, "239.1.2.3")!.sendOnly, false);
  a.send(ipv4Frame("10.0.0.1", "239.1.2.3"));
  assertEquals(b.received().length, 1);
  assertEquals(b.totals.multicast, 1);
  b.netdev.config.leave(ip("239.1.2.3"));
  rig.settle();
  assertEquals(find(b, "239.1.2.3"), undefined);
  a.send(ipv4Frame("10.0.0.1", "239.1.2.3"));
  assertEquals(b.received(), []);
  rig.check();
});

Deno.test("a host that is not a member receives no packets of the group", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const c = rig.host({ address: "10.0.0.3" });
  b.netdev.config.join(ip("239.9.9.9"));
  rig.settle();
  a.send(ipv4Frame("10.0.0.1", "239.9.9.9"));
  assertEquals([b.received().length, c.received().length], [1, 0]);
  assertEquals(c.totals.rx_packets, c.link.statistics.arpReceived);
  rig.check();
});

Deno.test("the first packet to a group joins it as send-only member (join state 8)", () => {
  const { rig, sa, host } = scripted();
  rig.advance(300);
  sa.take();
  host.posted();
  const frame = ipv4Frame("10.0.0.1", "239.4.4.4");
  host.send(frame, frame);
  const [join, ...others] = sa.take();
  assertEquals(others, []);
  assertEquals([join!.method, join!.mask], [JOIN, 0x173f7n]);
  assertEquals(join!.record.joinState, 8);
  assertEquals(host.posted().length, 2, "both packets waited for the join");
  const group = find(host, "239.4.4.4")!;
  assertEquals([group.sendOnly, group.attached], [true, false]);
  host.send(frame);
  const [packet] = host.posted();
  assertEquals(packet!.handle.dlid, group.record!.mlid);
  assertEquals(packet!.handle.grh!.dgid, mgid(host, "239.4.4.4"));
  assertEquals(sa.take(), []);
});

Deno.test("a send-only group that the kernel joins is left and joined as full member", () => {
  const { rig, sa, host } = scripted();
  rig.advance(300);
  host.send(ipv4Frame("10.0.0.1", "239.4.4.4"));
  sa.take();
  host.netdev.config.join(ip("239.4.4.4"));
  rig.settle();
  assertEquals(
    sa.take().map(({ method, record }) => [method, record.joinState]),
    [[LEAVE, 8], [JOIN, 1]],
  );
  assertEquals(find(host, "239.4.4.4")!.attached, true);
  // After the kernel's leave the next packet joins the group as send-only member again.
  host.netdev.config.leave(ip("239.4.4.4"));
  host.send(ipv4Frame("10.0.0.1", "239.4.4.4"));
  assertEquals(
    sa.take().map(({ method, record }) => [method, record.joinState]),
    [[LEAVE, 1], [JOIN, 8]],
  );
  rig.check();
});

Deno.test("the second failure of a send-only join drops waiting packets; the next packet starts a new join", () => {
  const { rig, sa, host } = scripted((record) =>
    record.joinState === 8 ? REQUEST_INVALID : 0
  );
  rig.advance(300);
  sa.take();
  const frame = ipv4Frame("10.0.0.1", "239.4.4.4");
  host.send(frame, frame);
  assertEquals(sa.take().length, 1);
  const group = find(host, "239.4.4.4")!;
  assertEquals([group.progress, group.queue.length], ["waiting", 2]);
  assertEquals(host.drops, {});
  rig.advance(2000);
  assertEquals(sa.take().length, 1);
  assertEquals([group.progress, group.queue.length], ["idle", 0]);
  assertEquals(host.drops, { tx_group_failed: 2 });
  rig.advance(20_000);
  assertEquals(sa.take(), []);
  sa.joinStatus = () => 0;
  host.posted();
  host.send(frame);
  assertEquals(host.posted().length, 1);
  rig.check();
});

Deno.test("a refused join is retried after 2, 4, 8, 16, 16 s, without limit", () => {
  const { rig, sa, host } = scripted(() => REQUEST_INVALID);
  rig.advance(100_000);
  const times = sa.take().map(({ at }) => at);
  const pauses = times.slice(1).map((at, i) => at - times[i]!);
  const seconds = pauses.slice(0, 7).map((pause) => pause / 1000);
  assertEquals(seconds, [2, 4, 8, 16, 16, 16, 16]);
  assertEquals(
    host.link.state,
    "broadcast group ff12:401b:ffff::ffff:ffff does not exist in partition 0xffff, or this port may not join it",
  );
  sa.joinStatus = () => 0;
  rig.advance(16_000);
  assertEquals(host.link.state, "running");
  rig.check();
});

Deno.test("the state names an administrator that does not respond", () => {
  const { rig, host } = scripted(() => undefined);
  rig.advance(3300);
  assertEquals(
    host.link.state,
    "the subnet administrator does not answer the join of broadcast group ff12:401b:ffff::ffff:ffff (SM LID 1)",
  );
  assert(host.states.includes(`ib1: ${host.link.state}`));
});

Deno.test("the first twenty failures are logged, in the wording of ib_ipoib", () => {
  const { rig, host } = scripted((record) =>
    isBroadcast(record) ? 0 : REQUEST_INVALID
  );
  rig.advance(300);
  logLines.length = 0;
  host.netdev.config.join(ip("239.1.1.1"));
  rig.advance(30 * 16_000);
  const lines = logLines.filter((line) =>
    line.includes("multicast join failed for ff12:401b:ffff::f01:101")
  );
  assertEquals(lines.length, 20);
  assertEquals(
    lines[0],
    "ib1: warning: multicast join failed for ff12:401b:ffff::f01:101, status -22: the subnet administrator refuses the join with status 0x0200 (request invalid)",
  );
});

Deno.test("refused send-only joins and time-outs are logged with mcast_debug_level", () => {
  const { rig, sa, host } = scripted((record) =>
    record.joinState === 8 ? REQUEST_INVALID : 0
  );
  rig.advance(300);
  logLines.length = 0;
  host.send(ipv4Frame("10.0.0.1", "239.4.4.4"));
  assertEquals(logLines, []);
  host.device.debugLevels.multicast = 1;
  rig.advance(120_000);
  host.send(ipv4Frame("10.0.0.1", "239.4.4.4"));
  sa.joinStatus = () => undefined;
  host.netdev.config.join(ip("239.5.5.5"));
  rig.advance(3300);
  assertEquals(
    logLines.filter((line) => line.includes("join failed")).map((line) =>
      line.split(" ").slice(0, 5).join(" ")
    ).sort(),
    [
      "ib1: multicast join failed for",
      "ib1: sendonly multicast join failed",
      "ib1: sendonly multicast join failed",
    ],
  );
});

Deno.test("an idle send-only group is left after a minute, one in use is not", () => {
  const { rig, sa, host } = scripted();
  rig.advance(300);
  const [idle, used] = ["239.4.4.4", "239.5.5.5"].map((group) =>
    ipv4Frame("10.0.0.1", group)
  );
  host.send(idle!, used!);
  sa.take();
  for (let i = 0; i < 10; i++) {
    rig.advance(10_000);
    host.send(used!);
  }
  assertEquals(
    sa.take().map(({ method, record }) => [method, record.joinState]),
    [[LEAVE, 8]],
  );
  assertEquals(find(host, "239.4.4.4"), undefined);
  assert(find(host, "239.5.5.5"));
  host.send(idle!);
  assertEquals(sa.take().length, 1);
  rig.check();
});

Deno.test("all packets are dropped until the broadcast group is joined", () => {
  const { rig, host } = scripted(() => undefined);
  host.send(
    ipv4Frame("10.0.0.1", "239.4.4.4"),
    ipv4Frame("10.0.0.1", "255.255.255.255"),
    ipv4Frame("10.0.0.1", "10.0.0.2"),
  );
  assertEquals(host.drops, { tx_link_down: 3 });
  assertEquals(host.posted().length, 0);
  rig.check();
});

Deno.test("a client reregister joins all groups again without interrupting traffic", () => {
  const { rig, sa, host } = scripted();
  rig.advance(300);
  host.send(ipv4Frame("10.0.0.1", "239.4.4.4"));
  host.send(ipv4Frame("10.0.0.1", "10.0.0.2"));
  sa.take();
  host.posted();
  sa.joinStatus = () => undefined;
  host.port.emit({ type: "client_reregister" });
  rig.settle();
  const [first, ...others] = sa.take();
  assertEquals([first!.mask, others], [0x10083n, []], "the broadcast group");
  host.send(
    ipv4Frame("10.0.0.1", "239.4.4.4"),
    ipv4Frame("10.0.0.1", "255.255.255.255"),
  );
  assertEquals(host.posted().length, 2);
  assertEquals([host.link.state, host.netdev.carrier], ["running", true]);
  // The new manager assigns other MLIDs, which are used from now on.
  sa.mlids.clear();
  sa.mlids.set("elsewhere", 0xc001);
  sa.group = { ...sa.group, qkey: 0x80004321, mtu: 3 };
  sa.joinStatus = () => 0;
  rig.advance(300);
  // The other groups are joined with the new parameters of the broadcast group.
  assertEquals(
    sa.take().map(({ record }) => [record.joinState, record.qkey, record.mtu]),
    [[1, 0, 0], [1, 0x80004321, 3], [8, 0x80004321, 3]],
  );
  assertEquals(host.netdev.config.mtu, 1020);
  const { attached } = host.port.qps.get(host.link.qpn)!;
  assertEquals(attached.map(({ mlid }) => mlid).sort(), [0xc002, 0xc003]);
  host.send(ipv4Frame("10.0.0.1", "239.4.4.4"));
  assertEquals(
    host.posted()[0]!.handle.dlid,
    find(host, "239.4.4.4")!.record!.mlid,
  );
  rig.check();
});

Deno.test("a client reregister retries refused groups at once", () => {
  const { rig, sa, host } = scripted(() => REQUEST_INVALID);
  rig.advance(40_000);
  sa.take();
  sa.joinStatus = () => 0;
  host.port.emit({ type: "client_reregister" });
  rig.settle();
  assertEquals(host.link.state, "running");
  rig.check();
});

Deno.test("packets to a send-only group that is refused after a reregister are no longer sent", () => {
  const { rig, sa, host } = scripted();
  rig.advance(300);
  const frame = ipv4Frame("10.0.0.1", "239.4.4.4");
  host.send(frame);
  sa.joinStatus = (record) => record.joinState === 8 ? REQUEST_INVALID : 0;
  host.port.emit({ type: "client_reregister" });
  rig.advance(2000);
  host.posted();
  sa.take();
  host.send(frame);
  assertEquals(host.posted().length, 0);
  assertEquals(sa.take().length, 1, "the packet starts a new join");
  rig.check();
});

Deno.test("an IGMP packet of the kernel makes the device reread memberships", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  rig.advance(700);
  a.send(ipv4Frame("10.0.0.1", "224.0.0.22", { protocol: 2 }));
  assertEquals(a.netdev.reports, [rig.reactor.clock.now()]);
});
