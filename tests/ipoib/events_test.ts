/** The events of an interface and its port, with their causes. */

import { assert, assertEquals } from "@std/assert";
import { LOOK_INTERVAL_MS } from "../../src/hca/lost_device.ts";
import { IpAddress } from "../../src/wire/ip_address.ts";
import { frameOf } from "./connected/support.ts";
import { connectedPair } from "./connected/support.ts";
import { OTHER_QKEY, REFUSED_PARTITIONS } from "./refused_partitions.ts";
import { parsePartitionsConf } from "../../src/subnet/partitions_conf.ts";
import { type Host, ip, ipv4Frame, Rig } from "./rig.ts";

/** Returns the events since the last call as text: name, subject, `old -> new`, cause. */
function taken(host: Host, ...kinds: string[]): string[] {
  return host.events.splice(0)
    .filter(({ kind }) => kinds.includes(kind))
    .map(({ event, subject, old = "", new: now = "", cause = "" }) =>
      `${event} ${subject}: ${old} -> ${now}; ${cause}`
    );
}

const BROADCAST = "ff12:401b:ffff::ffff:ffff";
const FAKE = "fake/1";
const FOUND = "found fe80: -> dlid 0x0003 sl 0 rate 100 Gb/sec mtu 2048; ";

Deno.test("a port that goes down and up has events of port, link and groups, in the order of their causes", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  a.events.length = 0;
  a.port.emit({ type: "port_error" }, { state: "down" });
  rig.settle();
  const inactive = "the port is no longer active";
  const down = taken(a, "fabric", "link", "group");
  assertEquals(down[0], `port ${FAKE}: active -> down; ${inactive}`);
  assertEquals(
    down.at(-1),
    `state ib1: running -> waiting for the port (down); ${inactive}`,
  );
  assert(
    down.includes(`left ${BROADCAST}: mlid 0xc000 -> ; the link has ended`),
  );
  a.port.emit({ type: "port_active" }, { state: "active" });
  rig.settle();
  const up = taken(a, "fabric", "link", "group");
  assertEquals(up.slice(0, 4), [
    `port ${FAKE}: down -> active; the port became active`,
    `state ib1: waiting for the port (down) -> waiting to join the broadcast group ${BROADCAST}; the port became active`,
    `joined ${BROADCAST}:  -> mlid 0xc000; `,
    `state ib1: waiting to join the broadcast group ${BROADCAST} -> running; the broadcast group was joined`,
  ]);
});

Deno.test("each attribute of the port has an event when it changes, and a reregistration has one without a change", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  a.events.length = 0;
  a.port.emit({ type: "client_reregister" });
  a.port.emit({ type: "sm_change" }, { smLid: 9, smSl: 2 });
  a.port.emit({ type: "lid_change" }, { lid: 0x77 });
  a.port.emit({ type: "pkey_change" }, { pkeys: [0xffff] });
  rig.settle();
  assertEquals(taken(a, "fabric"), [
    `reregister ${FAKE}:  -> ; `,
    `sm ${FAKE}: lid 0x0001 sl 0 -> lid 0x0009 sl 2; the subnet manager changed`,
    `lid ${FAKE}: 0x0002 -> 0x0077; the LID of the port changed`,
    `pkeys ${FAKE}: 0xffff,0x8001,0x8002 -> 0xffff; the P_Key table of the port changed`,
  ]);
});

Deno.test("a lost device, and its return, have an event with the reason", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  a.events.length = 0;
  a.port.deviceExists = () => false;
  a.port.lose(rig.reactor, "it was removed");
  rig.settle();
  assert(
    taken(a, "fabric").includes(
      `device ${FAKE}: present -> it was removed; the device is lost`,
    ),
  );
  a.port.deviceExists = () => true;
  rig.advance(LOOK_INTERVAL_MS);
  assert(
    taken(a, "fabric").includes(
      `device ${FAKE}: it was removed -> present; the device is back`,
    ),
  );
});

Deno.test("a refused join has one event with the field that does not fit, until the reason changes or it succeeds", () => {
  const { partitions } = parsePartitionsConf(REFUSED_PARTITIONS, "test");
  const rig = new Rig({ partitions });
  const [a] = rig.pair();
  a.events.length = 0;
  a.netdev.config.join(ip(OTHER_QKEY.address));
  rig.settle();
  rig.advance(60_000);
  assertEquals(
    taken(a, "group").filter((each) => each.startsWith("refused")),
    [`refused ff12:401b:ffff::f01:101:  -> ; ${OTHER_QKEY.reason}`],
  );
});

Deno.test("a group that the kernel joins and leaves, and one to which packets are sent, have events with causes", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  a.events.length = 0;
  a.netdev.config.join(ip("239.1.1.1"));
  a.send(ipv4Frame("10.0.0.1", "239.2.2.2"));
  a.netdev.config.leave(ip("239.1.1.1"));
  rig.advance(180_000);
  const [one, two] = ["f01:101", "f02:202"]
    .map((group) => `ff12:401b:ffff::${group}`);
  const events = taken(a, "group").filter((each) =>
    each.includes(one!) || each.includes(two!)
  ).map((each) => each.replaceAll(/ 0xc\w+/g, ""));
  assertEquals(events, [
    `joined ${one}:  -> mlid; `,
    `joined ${two}:  -> mlid send-only; `,
    `left ${one}: mlid -> ; the kernel has left the group`,
    `left ${two}: mlid send-only -> ; no packets for a minute`,
  ]);
});

Deno.test("a neighbour is resolved, fails once, and is resolved again; a deleted one has not failed", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  a.events.length = 0;
  a.send(ipv4Frame("10.0.0.1", "10.0.0.2"), ipv4Frame("10.0.0.1", "10.0.0.9"));
  for (let i = 0; i < 2; i++) {
    a.netdev.config.neighbours.fail(ip("10.0.0.9"));
    a.send(ipv4Frame("10.0.0.1", "10.0.0.9"));
  }
  a.netdev.config.neighbours.delete(ip("10.0.0.2"));
  const lladdr = "00:00:00:48:fe:80:00:00:00:00:00:00:00:02:c9:03:00:00:00:02";
  assertEquals(taken(a, "neigh"), [
    `resolved 10.0.0.2:  -> ${lladdr}; reply`,
    "failed 10.0.0.9:  -> ; no answer to address resolution",
  ]);
  b.netdev.config.addAddress(ip("10.0.0.9"), 24);
  rig.advance(3000);
  a.send(ipv4Frame("10.0.0.1", "10.0.0.9"));
  const [again] = taken(a, "neigh");
  assertEquals(again, `resolved 10.0.0.9:  -> ${lladdr}; announcement`);
});

Deno.test("static neighbours, an address of two hosts, and a path have events", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  a.events.length = 0;
  const address = IpAddress.parse("10.0.0.77")!;
  a.link.neighbours.hold(address, b.address);
  a.link.neighbours.forget(address);
  const lladdr = "00:00:00:48:fe:80:00:00:00:00:00:00:00:02:c9:03:00:00:00:02";
  assertEquals(taken(a, "neigh"), [
    `static 10.0.0.77:  -> ${lladdr}; set by the administrator`,
    `static 10.0.0.77: ${lladdr} -> ; removed by the administrator`,
  ]);
  b.netdev.config.addAddress(ip("10.0.0.1"), 24);
  rig.settle();
  assert(
    taken(a, "neigh").includes(
      `conflict 10.0.0.1:  -> ; also used by ${lladdr}`,
    ),
  );
  a.send(ipv4Frame("10.0.0.1", "10.0.0.2"));
  rig.advance(2000);
  a.port.emit({ type: "lid_change" });
  a.send(ipv4Frame("10.0.0.1", "10.0.0.2"));
  assertEquals(taken(a, "path").at(-1)?.replace(/::.*-> /, ": -> "), FOUND);
});

Deno.test("a connection has an event when it is established", () => {
  const { a, b } = connectedPair();
  a.events.length = b.events.length = 0;
  a.send(frameOf(100));
  const opened = taken(a, "path").join("\n");
  assert(/^connection to .* -> connected to QPN .*; $/m.test(opened), opened);
  const accepted = taken(b, "path").join("\n");
  assert(/^connection from .* -> accepted with QPN/m.test(accepted), accepted);
});

Deno.test("children that are created, renamed and deleted have events, and so have MTUs with their limits", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  a.events.length = 0;
  a.device.createChild(0x8001);
  a.device.deleteChild(0x8001);
  const links = taken(a, "link");
  assertEquals(
    [links.at(0), links.at(-1)],
    [
      "created ib1.8001:  -> pkey 0x8001; child of ib1",
      "deleted ib1.8001: pkey 0x8001 -> ; requested",
    ],
  );
  a.link.mtu.set(1500);
  a.link.mtu.set(2044);
  assertEquals(taken(a, "link").filter((each) => each.startsWith("mtu")), [
    "mtu ib1: 2044 -> 1500; set by the administrator",
    "mtu ib1: 1500 -> 2044; set by the administrator",
  ]);
});
