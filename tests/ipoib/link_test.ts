/** Start and end of a link: the conditions that it waits for, and the effects of port events. */

import { assert, assertEquals } from "@std/assert";
import { gidEquals } from "../../src/wire/gid.ts";
import { defaultPartitions } from "../../src/subnet/partitions.ts";
import { ip, ipv4Frame, logLines, Rig } from "./rig.ts";
import { ScriptedSa } from "./scripted_sa.ts";
import { SaAttribute } from "../../src/wire/sa/sa_mad.ts";
import { PathRecord } from "../../src/wire/sa/path_record.ts";

const TO_B = ipv4Frame("10.0.0.1", "10.0.0.2");
const TO_A = ipv4Frame("10.0.0.2", "10.0.0.1");

Deno.test("the state of a link names each condition that it waits for in turn", () => {
  const rig = new Rig();
  const host = rig.host({ register: false, pkeyIndex: 3 });
  assertEquals(host.netdev.config.up, true, "the device sets its TAP up");
  assertEquals(host.link.state, "waiting for the subnet manager");
  rig.subnet!.register(host.port);
  rig.settle();
  assertEquals(
    host.link.state,
    "waiting for a P_Key: index 3 is empty (the table has 3 entries)",
  );
  assertEquals(host.link.pkeyIndex, -1);
  const { pkeys } = host.port.attributes;
  host.port.emit({ type: "pkey_change" }, { pkeys: [...pkeys, 0x8001] });
  rig.settle();
  assertEquals([host.link.state, host.link.pkey], ["running", 0x8001]);
  assertEquals([host.link.carrier, host.netdev.carrier], [true, true]);
  const { laneMbps, activeWidth } = host.port.attributes;
  assertEquals(host.netdev.speed, laneMbps * activeWidth);
  const { qpn } = host.link;
  host.netdev.change({ up: false });
  assertEquals(host.link.state, "administratively down");
  assertEquals([host.link.carrier, host.netdev.carrier], [false, false]);
  assertEquals(host.link.qpn, qpn);
  host.netdev.change({ up: true });
  rig.settle();
  assertEquals([host.link.state, host.link.qpn], ["running", qpn]);
  assertEquals(host.states.at(-1), "ib1: running");
  rig.check();
});

Deno.test("the state of a link names the state of a port that is neither active nor in init", () => {
  for (const state of ["down", "armed"] as const) {
    const rig = new Rig();
    const host = rig.host({ register: false, state });
    assertEquals(host.link.state, `waiting for the port (${state})`);
  }
});

Deno.test("a port error clears carrier, and an active port sets it again", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  a.send(TO_B);
  b.received();
  const { qpn } = a.link;
  // Waits for the end of ARP_LOCK_MS.
  rig.advance(1000);
  a.port.emit({ type: "port_error" }, { state: "down" });
  assertEquals([a.link.carrier, a.netdev.carrier], [false, false]);
  assertEquals(a.link.neighbours.size, 0);
  assertEquals(a.link.paths.entries(), []);
  assertEquals(a.link.groups.entries(), []);
  a.send(TO_B);
  assertEquals(a.drops, { tx_link_down: 1 });
  a.port.emit({ type: "port_active" }, { state: "active" });
  rig.settle();
  assertEquals([a.link.carrier, a.netdev.carrier], [true, true]);
  assertEquals(a.link.qpn, qpn, "same queue pair, same address");
  a.send(TO_B);
  assertEquals(b.received().length, 1);
  b.send(TO_A);
  assertEquals(a.received().length, 1);
  rig.check();
});

Deno.test("packets received while the device is down are dropped and counted, and no address is learned from them", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  a.send(TO_B);
  b.received();
  b.netdev.change({ up: false });
  a.send(TO_B, TO_B);
  rig.settle();
  assertEquals(b.received(), []);
  assertEquals(b.drops, { rx_device_down: 2 });
  assertEquals(b.link.neighbours.size, 0);
  b.netdev.change({ up: true });
  rig.settle();
  a.send(TO_B);
  assertEquals(b.received().length, 1);
  rig.check();
});

Deno.test("packets that wait when the link ends are dropped and counted", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  const c = rig.host({ address: "10.0.0.3" });
  // One packet waits for its path.
  rig.subnet!.lose = ({ attributeId, data }) =>
    attributeId === SaAttribute.PathRecord &&
    gidEquals(PathRecord.parse(data)!.sgid, a.address.gid);
  a.send(ipv4Frame("10.0.0.1", "10.0.0.3"));
  assertEquals(a.neighbour("10.0.0.3")!.peer!.address, c.address);
  rig.fabric.lose = () => true;
  rig.subnet!.lose = () => true;
  // Two packets wait for an address that the kernel has resolved, one for its group.
  a.netdev.inject(TO_B, TO_B);
  a.send(ipv4Frame("10.0.0.1", "239.4.4.4"));
  assertEquals(a.drops, {});
  a.port.emit({ type: "port_error" }, { state: "down" });
  assertEquals(a.drops, {
    tx_neighbour_failed: 2,
    tx_path_failed: 1,
    tx_group_failed: 1,
  });
  rig.check();
});

Deno.test("after a LID change echoes are detected by the new LID", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  a.send(TO_B);
  b.received();
  a.port.emit({ type: "lid_change" }, { lid: 0x40 });
  rig.settle();
  for (const [mlid, lids] of rig.fabric.groups) {
    rig.fabric.groups.set(mlid, [...lids, 0x40]);
  }
  assertEquals(a.link.carrier, true);
  const { rx_echoes: echoes } = a.totals;
  a.send(ipv4Frame("10.0.0.1", "255.255.255.255"));
  assertEquals(a.received(), []);
  assertEquals(a.totals.rx_echoes, echoes! + 1);
  rig.check();
});

Deno.test("a change of other P_Keys has no effect", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  a.send(TO_B);
  const { qpn } = a.link;
  a.port.emit({ type: "pkey_change" }, { pkeys: [0xffff, 0x9999] });
  rig.settle();
  assertEquals([a.link.qpn, a.link.carrier], [qpn, true]);
  a.send(TO_B);
  assertEquals(b.received().length, 2);
});

Deno.test("a change of the interface's P_Key restarts the link in the other partition", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const { qpn } = a.link;
  a.port.emit({ type: "pkey_change" }, { pkeys: [0x8001] });
  rig.settle();
  assertEquals([a.link.pkey, a.link.carrier], [0x8001, true]);
  assert(a.link.qpn !== qpn);
  assertEquals(a.link.broadcastMgid.slice(4, 6), new Uint8Array([0x80, 1]));
  // The hosts are in different partitions.
  a.send(TO_B);
  assertEquals(b.received(), []);
  a.port.emit({ type: "pkey_change" }, { pkeys: [] });
  rig.settle();
  assertEquals(
    a.link.state,
    "waiting for a P_Key: index 0 is empty (the table has 0 entries)",
  );
  rig.check();
});

Deno.test("a limited member joins the full members' group", () => {
  const rig = new Rig({
    partitions: defaultPartitions().map((partition) => ({
      ...partition,
      members: [
        { port: "ALL" as const, membership: "limited" as const },
        { port: 0x0002_c903_0000_0001n, membership: "full" as const },
      ],
    })),
  });
  const [a, b] = rig.pair();
  const c = rig.host({ address: "10.0.0.3" });
  assertEquals(b.port.attributes.pkeys[0], 0x7fff);
  assertEquals([b.link.pkey, b.link.carrier], [0xffff, true]);
  assertEquals(b.link.broadcastMgid.slice(4, 6), new Uint8Array([255, 255]));
  b.send(TO_A);
  assertEquals(a.received().length, 1);
  // Two limited members receive nothing from each other.
  b.send(ipv4Frame("10.0.0.2", "10.0.0.3"));
  assertEquals(c.received(), []);
  assert(c.port.counted.get("pkey_violations") > 0);
});

Deno.test("a change between full and limited membership is logged while the interface runs", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  const [, ...others] = a.port.attributes.pkeys;
  logLines.length = 0;
  for (const pkey of [0x7fff, 0x7fff, 0xffff]) {
    a.port.emit({ type: "pkey_change" }, { pkeys: [pkey, ...others] });
    rig.settle();
  }
  assertEquals(logLines.filter((line) => line.includes("member")), [
    "ib1: running as a limited member of partition 0xffff, which reaches full members only",
    "ib1: running as a full member of partition 0xffff",
  ]);
});

Deno.test("a client reregister keeps neighbours and queries their paths again, which stay in use", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  a.send(TO_B);
  b.received();
  rig.subnet!.lose = () => true;
  a.port.emit({ type: "client_reregister" });
  assertEquals(a.link.paths.entries()[0]!.state, "asking");
  a.send(TO_B);
  assertEquals(b.received().length, 1);
  assertEquals(a.nud("10.0.0.2"), "REACHABLE");
  rig.subnet!.lose = () => false;
  rig.advance(100);
  assertEquals(a.link.paths.entries()[0]!.state, "complete");
  a.send(TO_B);
  assertEquals(b.received().length, 1);
  rig.check();
});

Deno.test("a path in use survives a failed query and is queried again after a backoff", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  a.send(TO_B);
  b.received();
  rig.subnet!.lose = ({ attributeId }) =>
    attributeId === SaAttribute.PathRecord;
  a.port.emit({ type: "client_reregister" });
  rig.advance(1100);
  const [path] = a.link.paths.entries();
  assertEquals([path!.state, path!.failure], ["doubtful", 110]);
  a.send(TO_B);
  assertEquals(b.received().length, 1);
  rig.subnet!.lose = () => false;
  rig.advance(900);
  assertEquals([path!.state, path!.failure], ["complete", undefined]);
  rig.check();
});

Deno.test("packets have a GRH if the path has a hop limit, else none", () => {
  for (const hopLimit of [0, 3]) {
    const rig = new Rig(false);
    const sa = new ScriptedSa(rig);
    sa.path = { hopLimit, flowLabel: 0x12345, tclass: 7, sl: 2 };
    const [a, b] = [1, 2].map((n) => {
      const host = rig.host({
        address: `10.0.0.${n}`,
        state: "active",
        pkeys: [0xffff],
      });
      host.port.set({ smLid: 1 });
      return host;
    });
    rig.advance(300);
    rig.fabric.groups.set(0xc001, [0x11, 0x12]);
    a!.send(TO_B);
    const { handle } = a!.posted().at(-1)!;
    assertEquals([handle.dlid, handle.sl], [b!.port.attributes.lid, 2]);
    assertEquals(
      handle.grh,
      hopLimit === 0 ? undefined : {
        dgid: b!.link.address.gid,
        flowLabel: 0x12345,
        hopLimit: 3,
        trafficClass: 7,
        sgidIndex: 0,
      },
    );
  }
});

Deno.test("events that do not concern the link have no effect", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  const { qpn } = a.link;
  for (
    const event of [
      { type: "sm_change" },
      { type: "gid_change" },
      { type: "device_fatal", reason: "test" },
    ] as const
  ) a.port.emit(event);
  rig.settle();
  assertEquals([a.link.qpn, a.link.carrier], [qpn, true]);
});

Deno.test("closing a device leaves its groups and releases all resources", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  a.send(TO_B);
  b.netdev.config.join(ip("239.1.1.1"));
  rig.settle();
  const members = () =>
    rig.subnet!.manager.snapshot().groups.flatMap(({ members }) =>
      members.map(({ lid }) => lid)
    );
  assert(members().includes(b.port.attributes.lid));
  b.device.close();
  b.device.close();
  rig.settle();
  assertEquals(members().includes(b.port.attributes.lid), false);
  assertEquals([b.netdev.closed, b.link.carrier], [true, false]);
  assertEquals(b.port.qps.size, 0);
  rig.check();
  b.port.emit({ type: "port_active" });
  rig.settle();
  assertEquals(b.port.qps.size, 0);
});

Deno.test("deletion of the network device by another program is reported", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  let gone = 0;
  a.device.onGone = () => gone++;
  a.netdev.config.emit("gone");
  assertEquals([gone, a.states.at(-1)], [1, "ib1: running"]);
});
