/** The device of a port is lost and returns: the interfaces wait for it with their configuration. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import { LOOK_INTERVAL_MS } from "../../src/hca/lost_device.ts";
import { DEFAULT_SUBNET_PREFIX, gidFrom } from "../../src/wire/gid.ts";
import { IpAddress } from "../../src/wire/ip_address.ts";
import { frameOf, reaches } from "./connected/support.ts";
import { refuseQueuePairs } from "./refused_queue_pair.ts";
import { type Host, ip, ipv4Frame, logLines, Rig } from "./rig.ts";

const REASON = "the device has reported a fatal error";
const WAITING = `waiting for device fake: ${REASON}`;
const LENGTH = 100;
/** A packet that needs a connection. */
const LONG = 5000;

/** Loses the device of a host. It does not exist until the test says so. */
function lose({ port, rig }: Host): void {
  port.deviceExists = () => false;
  port.lose(rig.reactor, REASON);
  rig.settle();
}

/** Lets the lost device of a host exist again, and waits until the port has looked for it. */
function restore({ port, rig }: Host): void {
  port.deviceExists = () => true;
  rig.advance(LOOK_INTERVAL_MS);
}

Deno.test("an interface whose device is lost during traffic keeps its configuration, and carries traffic when the device is back", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  assert(reaches(a, b));
  const { qpn, link } = { qpn: a.link.qpn, link: a.link };
  a.inject(frameOf(LENGTH), frameOf(LENGTH));
  lose(a);
  assertEquals([link.state, link.carrier, link.qpn], [WAITING, false, 0]);
  assertEquals(a.netdev.config.carrier, false);
  assertEquals(link.groups.entries(), []);
  assert(logLines.includes(`ib1: ${WAITING}`));

  a.received();
  const before = a.drops.tx_link_down ?? 0;
  a.send(ipv4Frame("10.0.0.1", "10.0.0.2"), ipv4Frame("10.0.0.1", "10.0.0.9"));
  b.send(ipv4Frame("10.0.0.2", "10.0.0.1"));
  assertEquals(a.drops.tx_link_down, before + 2);
  assertEquals(a.received(), []);
  rig.advance(60_000);
  assertEquals(link.state, WAITING);
  rig.check();

  restore(a);
  assertEquals(link.state, "running");
  assert(link.qpn !== 0 && link.qpn !== qpn);
  assertEquals(a.netdev.config.carrier, true);
  rig.advance(2000);
  assert(reaches(a, b));
  b.send(ipv4Frame("10.0.0.2", "10.0.0.1"));
  rig.advance(1000);
  assert(a.received().length > 0);
  rig.check();
});

Deno.test("parameters, mode, static neighbours and children that are changed while the device is lost have effect when it is back", () => {
  const rig = new Rig();
  const options = { connections: true } as const;
  const a = rig.host({ address: "10.0.0.1", ...options });
  const b = rig.host({ address: "10.0.0.2", ...options });
  const old = a.device.createChild(0x8001);
  old.netdev.change({ up: true });
  rig.advance(1000);
  assertEquals(old.state, "running");
  lose(a);
  assertEquals(old.state, WAITING);
  a.device.deleteChild(0x8001);
  const child = a.device.createChild(0x8002);
  child.netdev.change({ up: true });
  rig.settle();
  assertEquals(child.state, WAITING);
  a.link.connected.setMode("connected");
  a.link.moderation.set({ rxUsecs: 16 });
  a.link.setReceiveQueueSize(64);
  const peer = IpAddress.ipv4(ip("10.0.0.2"));
  a.link.neighbours.hold(peer, b.link.address);
  rig.advance(30_000);
  rig.check();

  restore(a);
  rig.advance(5000);
  assertEquals([a.link.state, child.state], ["running", "running"]);
  assertEquals(a.link.connected.mode, "connected");
  assertEquals(a.link.receiveQueueSize, 64);
  const moderated = [...a.port.qps.values()]
    .filter(({ moderation }) => moderation.rxUsecs === 16);
  assertEquals(moderated.map((qp) => qp.qpn), [a.link.qpn]);
  // The first one starts the connection.
  reaches(a, b, LONG);
  assert(reaches(a, b, LONG));
  lose(a);
  restore(a);
  rig.advance(5000);
  reaches(a, b, LONG);
  assert(reaches(a, b, LONG));
  rig.advance(60_000);
  rig.check();
});

Deno.test("a device that is lost during a join is joined again when it is back", () => {
  const rig = new Rig();
  rig.subnet!.lose = () => true;
  const host = rig.host();
  assertMatch(host.link.state, /^waiting to join the broadcast group/);
  lose(host);
  assertEquals(host.link.state, WAITING);
  restore(host);
  assertMatch(host.link.state, /^waiting to join the broadcast group/);
  rig.subnet!.lose = () => false;
  rig.advance(20_000);
  assertEquals(host.link.state, "running");
  rig.check();
});

Deno.test("the loss of a device ends the wait for a queue pair, which is requested at once when the device is back", () => {
  const rig = new Rig();
  let refused = true;
  const onCall = refuseQueuePairs(() => refused);
  const host = rig.host({ onCall });
  // The next attempt would follow after 16 s.
  rig.advance(15_000);
  assertMatch(host.link.state, /^the device refuses a queue pair/);
  lose(host);
  assertEquals(host.link.state, WAITING);
  refused = false;
  rig.advance(60_000);
  assertEquals(host.link.state, WAITING);
  restore(host);
  assertEquals(host.link.state, "running");
  rig.check();
});

Deno.test("a lost device is looked for once per second", () => {
  const rig = new Rig();
  const host = rig.host();
  lose(host);
  const start = rig.reactor.clock.now();
  const looks: number[] = [];
  host.port.deviceExists = () => {
    looks.push(rig.reactor.clock.now() - start);
    return looks.length > 30;
  };
  rig.advance(60_000);
  assertEquals(looks, Array.from({ length: 31 }, (_, i) => (i + 1) * 1000));
  assertEquals(host.link.state, "running");
});

Deno.test("a device may return with another port state, LID, GID and P_Key table", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const child = a.device.createChild(0x8002);
  child.netdev.change({ up: true });
  rig.advance(1000);
  lose(a);
  const { portGuid, lid, smLid, pkeys, gid } = a.port.attributes;
  a.port.returning = {
    ...{ state: "init", lid: 0, smLid: 0 },
    pkeys: [0xffff, 0x8001],
    gid: gidFrom(DEFAULT_SUBNET_PREFIX + 1n, portGuid),
  };
  restore(a);
  assertEquals(a.link.state, "waiting for the subnet manager");
  assertEquals(child.state, "waiting for the subnet manager");
  a.port.emit({ type: "port_active" }, {
    ...{ state: "active", lid: lid + 64, smLid, pkeys, gid },
  });
  rig.settle();
  assertEquals(a.link.address.gid, gid);
  a.port.emit({ type: "lid_change" }, { lid });
  rig.advance(20_000);
  assertEquals([a.link.state, child.state], ["running", "running"]);
  assert(reaches(a, b));
  rig.check();
});

Deno.test("a device that refuses to be opened is tried again after 2, 4, 8, 16 and 16 s, and the state has the reason", () => {
  const rig = new Rig();
  const tries: number[] = [];
  let refused = true;
  const host = rig.host({
    onCall: (call) => {
      if (call !== "open") return;
      tries.push(rig.reactor.clock.now());
      if (!refused) return;
      throw new IpoibError("E_PRIVILEGE", "No permission to open the device", {
        hint: "run as root",
      });
    },
  });
  lose(host);
  restore(host);
  assertEquals(
    host.link.state,
    `${WAITING}; refused: No permission to open the device (run as root)`,
  );
  rig.advance(50_000);
  const pauses = tries.slice(1).map((at, i) => at - tries[i]!);
  assertEquals(pauses, [2000, 4000, 8000, 16_000, 16_000]);
  refused = false;
  rig.advance(16_000);
  assertEquals(host.link.state, "running");

  // A device that is lost again soon is not opened again every second.
  host.port.deviceExists = () => true;
  for (const seconds of [16, 16]) {
    host.port.lose(rig.reactor, REASON);
    rig.advance(seconds * 1000 - 1);
    assertEquals(host.link.state, WAITING);
    rig.advance(1);
    assertEquals(host.link.state, "running");
  }
  rig.advance(20_000);
  host.port.lose(rig.reactor, REASON);
  rig.advance(LOOK_INTERVAL_MS);
  assertEquals(host.link.state, "running");
  rig.check();
});

Deno.test("an interface may be set down and up, and ends, while its device is lost", () => {
  const rig = new Rig();
  const host = rig.host();
  const child = host.device.createChild(0x8001);
  lose(host);
  host.netdev.change({ up: false });
  rig.settle();
  assertEquals(host.link.state, "administratively down");
  host.netdev.change({ up: true });
  rig.settle();
  assertEquals([host.link.state, child.state], [WAITING, WAITING]);
  host.netdev.change({ up: false });
  rig.settle();
  restore(host);
  assertEquals(host.link.state, "administratively down");
  host.netdev.change({ up: true });
  rig.advance(1000);
  assertEquals([host.link.state, child.state], ["running", "running"]);
  lose(host);
  host.device.close();
  host.port.close();
  let looks = 0;
  host.port.deviceExists = () => ++looks > 0;
  rig.advance(120_000);
  assertEquals([host.link.state, looks], ["closed", 0]);
  assertEquals(rig.fabric.misuse, []);
});
