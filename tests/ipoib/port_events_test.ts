/** Effects of port events (Linux ipoib_verbs.c: light, normal and heavy flush). */

import { assert, assertEquals } from "@std/assert";
import { arpRequest } from "../../src/wire/arp.ts";
import { gidFrom } from "../../src/wire/gid.ts";
import { type MadAddress, Method } from "../../src/wire/mad.ts";
import { SaMad } from "../../src/wire/sa/sa_mad.ts";
import { type Host, ip, ipv4Frame, Rig } from "./rig.ts";
import { ScriptedSa } from "./scripted_sa.ts";

const JOIN = Method.Set;
const LEAVE = Method.Delete;
const PREFIX = 0xfe80_0000_0000_0001n;
const TO_A = ipv4Frame("10.0.0.2", "10.0.0.1");
const TO_B = ipv4Frame("10.0.0.1", "10.0.0.2");

/** Creates two running hosts with a scripted administrator. */
function scripted(): { rig: Rig; sa: ScriptedSa; hosts: [Host, Host] } {
  const rig = new Rig(false);
  const sa = new ScriptedSa(rig);
  rig.fabric.groups.set(0xc001, [0x11, 0x12]);
  const [a, b] = [1, 2].map((n) =>
    rig.host({
      address: `10.0.0.${n}`,
      register: false,
      state: "active",
      pkeys: [0xffff],
    })
  );
  rig.advance(2000);
  sa.take();
  return { rig, sa, hosts: [a!, b!] };
}

Deno.test("a normal flush leaves all groups, the broadcast group last, and joins the broadcast group first", () => {
  for (
    const event of ["port_error", "port_active", "lid_change"] as const
  ) {
    const { rig, sa, hosts: [a] } = scripted();
    a.send(ipv4Frame("10.0.0.1", "239.4.4.4"));
    const { qpn } = a.link;
    sa.take();
    a.port.emit({ type: event });
    rig.settle();
    const requests = sa.take().map(({ method, record }) =>
      [method, record.joinState, record.mgid[15]] as const
    );
    assertEquals(requests.filter(([method]) => method === LEAVE), [
      [LEAVE, 8, 0x04],
      [LEAVE, 1, 0x01],
      [LEAVE, 1, 0xff],
    ]);
    assertEquals(requests.filter(([method]) => method === JOIN), [
      [JOIN, 1, 0xff],
      [JOIN, 1, 0x01],
    ]);
    assertEquals([a.link.qpn, a.link.carrier], [qpn, true], event);
    assertEquals(a.port.qps.get(qpn)!.attached.length, 2);
    rig.check();
  }
});

Deno.test("a P_Key that moves in the table gets a new queue pair at any port event", () => {
  for (const event of ["pkey_change", "port_active"] as const) {
    const rig = new Rig();
    const [a] = rig.pair();
    const child = a.device.createChild(0x8001);
    child.netdev.change({ up: true });
    rig.settle();
    const before = [a.link.qpn, child.qpn];
    a.port.emit({ type: event }, { pkeys: [0xffff, 0x8002, 0x8001] });
    rig.settle();
    assertEquals([a.link.qpn === before[0], child.qpn === before[1]], [
      true,
      false,
    ]);
    assertEquals([child.state, child.pkeyIndex], ["running", 2]);
    assertEquals(a.port.qps.size, 2);
    rig.check();
  }
});

Deno.test("children are flushed before their parent", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  const child = a.device.createChild(0x8001);
  child.netdev.change({ up: true });
  rig.settle();
  a.states.length = 0;
  a.port.emit({ type: "port_error" }, { state: "down" });
  const names = a.states.map((state) => state.split(":")[0]);
  assertEquals(new Set(names.slice(0, names.indexOf("ib1"))).size, 1);
  assertEquals([names[0], names.at(-1)], ["ib1.8001", "ib1"]);
});

Deno.test("ARP packets that arrive before the broadcast group is joined again create no neighbour", () => {
  const { rig, sa, hosts: [a, b] } = scripted();
  sa.joinStatus = () => undefined;
  a.port.emit({ type: "lid_change" });
  rig.settle();
  assertEquals(a.link.carrier, false);
  a.receiveArp(b, arpRequest(b.address, ip("10.0.0.2"), ip("10.0.0.1")));
  b.receiveArp(a, arpRequest(a.address, ip("10.0.0.1"), ip("10.0.0.9")));
  assertEquals(a.link.neighbours.size, 0);
  assertEquals(sa.paths.length, 0);
  sa.joinStatus = () => 0;
  rig.advance(300);
  a.send(TO_B);
  assertEquals(b.received().length, 1);
  rig.check();
});

Deno.test("after a GID change joins and path queries use the new GID, and the new address is announced", () => {
  for (const event of ["gid_change", "client_reregister"] as const) {
    const { rig, sa, hosts: [a, b] } = scripted();
    a.send(TO_B);
    b.send(TO_A);
    assertEquals([a.received().length, b.received().length], [1, 1]);
    rig.advance(1000);
    sa.take();
    sa.paths.length = 0;
    const { qpn } = a.link;
    const gid = gidFrom(PREFIX, a.port.attributes.portGuid);
    a.port.emit({ type: event }, { gid });
    assertEquals([a.link.state, a.netdev.carrier], ["running", true]);
    rig.settle();
    assertEquals(a.link.address, { flags: 0, qpn, gid });
    const joins = sa.take();
    assertEquals(
      joins.map(({ method, record }) => [method, record.portGid]),
      [[JOIN, gid], [JOIN, gid]],
    );
    assertEquals(sa.paths[0]!.sgid, gid);
    assertEquals(b.neighbour("10.0.0.1")!.peer!.address, a.link.address);
    a.send(TO_B);
    b.send(TO_A);
    assertEquals([a.received().length, b.received().length], [1, 1]);
    // An event without a change of the GID has no effect.
    rig.advance(2000);
    a.posted();
    sa.take();
    a.port.emit({ type: "gid_change" }, { gid: gid.slice() });
    rig.advance(5000);
    const announced = a.arps().filter((arp) => arp.senderIp === arp.targetIp);
    assertEquals([sa.take(), announced], [[], []]);
    rig.check();
  }
});

Deno.test("a GID that changed while the port was down is used afterwards", () => {
  const { rig, sa, hosts: [a] } = scripted();
  a.port.emit({ type: "port_error" }, { state: "down" });
  const gid = gidFrom(PREFIX, 1n);
  a.port.emit({ type: "gid_change" }, { gid });
  rig.settle();
  sa.take();
  a.posted();
  a.port.emit({ type: "port_active" }, { state: "active" });
  rig.settle();
  assertEquals(sa.take().map(({ record }) => record.portGid), [gid, gid]);
  assertEquals(a.arps().map(({ senderAddress }) => senderAddress.gid), [gid]);
  rig.check();
});

Deno.test("while the port is down no leave is sent, and one that is not answered is not repeated", () => {
  const { rig, hosts: [a] } = scripted();
  const sent: number[] = [];
  rig.fabric.onMad = (_from, mad) => void sent.push(SaMad.parse(mad)!.method);
  const group = ip("239.1.1.1");
  a.netdev.config.join(group);
  rig.settle();
  a.netdev.config.leave(group);
  rig.settle();
  assertEquals(sent, [JOIN, LEAVE]);
  a.port.emit({ type: "port_error" }, { state: "down" });
  rig.advance(20_000);
  assertEquals(sent, [JOIN, LEAVE]);
  // The group that was left, the broadcast group, and that of 224.0.0.1.
  assertEquals(a.memberships.counters().leaves_unsent, 3);
  a.port.emit({ type: "port_active" }, { state: "active" });
  rig.settle();
  assertEquals(sent.slice(2), [JOIN]);
});

Deno.test("requests after a subnet manager change, including retries, use its new LID and SL", () => {
  const { rig, hosts: [a] } = scripted();
  const sent: Pick<MadAddress, "lid" | "sl">[] = [];
  rig.fabric.onMad = (_from, _mad, { lid, sl }) => void sent.push({ lid, sl });
  a.netdev.config.join(ip("239.1.1.1"));
  rig.settle();
  const { qpn } = a.link;
  a.port.emit({ type: "sm_change" }, { smLid: 7, smSl: 3 });
  rig.advance(300);
  assertEquals(sent, [{ lid: 1, sl: 0 }, { lid: 7, sl: 3 }]);
  assertEquals([a.link.qpn, a.link.carrier], [qpn, true]);
});

Deno.test("a client reregister does not reset the limit of twenty logged failures per group", () => {
  const { rig, sa, hosts: [a] } = scripted();
  sa.joinStatus = (record) => record.mgid[15] === 0xff ? 0 : 0x0200;
  a.netdev.config.join(ip("239.1.1.1"));
  for (let i = 0; i < 10; i++) {
    rig.advance(10_000);
    a.port.emit({ type: "client_reregister" });
  }
  rig.settle();
  const group = a.link.groups.entries().find(({ mgid }) =>
    mgid[13] === 1 && mgid[15] === 1
  );
  assert(group);
  assertEquals(group.logged, 20);
});
