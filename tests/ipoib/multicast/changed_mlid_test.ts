/**
 * A group that gets another MLID while it is held, as after a restart of the subnet manager: the queue pair and the
 * packets follow to the new MLID, and no packet is lost.
 */

import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../../src/base/errno.ts";
import { IpoibError } from "../../../src/base/errors.ts";
import type { MulticastGroup } from "../../../src/ipoib/multicast/multicast_group.ts";
import { encapWord, EtherType } from "../../../src/wire/encap.ts";
import { gidEquals, gidKey } from "../../../src/wire/gid.ts";
import { ipv4Mgid } from "../../../src/wire/mgid.ts";
import { ip, ipv4Frame, logLines, packetOf } from "../rig.ts";
import { scriptedHost } from "../scripted_sa.ts";

const CHECK_MS = 30_000;
const NEW_MLID = 0xc0aa;

/** The held groups, with the destination of packets to them. */
const GROUPS = [
  ["the broadcast group", "10.0.0.255"],
  ["a full member's group", "239.1.1.1"],
  ["a send-only member's group", "239.4.4.4"],
] as const;

const CAUSES = [
  ["a client reregister", "client_reregister"],
  ["a membership check", undefined],
] as const;

/** A host that holds all {@linkcode GROUPS}, and a second port that sends to it. */
function setup() {
  const scene = scriptedHost();
  const { rig, sa, host } = scene;
  host.netdev.config.join(ip("239.1.1.1"));
  host.send(ipv4Frame("10.0.0.1", "239.4.4.4"));
  const other = rig.fabric.addPort({ state: "active", lid: 9 });
  const { fabric } = rig;
  for (const mlid of [...sa.mlids.values(), NEW_MLID]) {
    fabric.groups.set(mlid, [host.port.attributes.lid]);
  }
  host.posted();
  const groupOf = (address: string): MulticastGroup => {
    const mgid = address === "10.0.0.255"
      ? host.link.broadcastMgid
      : ipv4Mgid(ip(address), host.link.broadcastMgid);
    const group = host.link.groups.entries().find((each) =>
      gidEquals(each.mgid, mgid)
    );
    assert(group?.record);
    return group;
  };
  /** Returns the MLIDs to which the queue pair is attached for a group. */
  const attached = ({ mgid }: MulticastGroup) =>
    host.port.qps.get(host.link.qpn)!.attached
      .filter((each) => gidEquals(each.mgid, mgid))
      .map(({ mlid }) => mlid);
  /** Returns the MLID of a packet that the host sends to the address. */
  const sendsTo = (address: string) => {
    host.send(ipv4Frame("10.0.0.1", address));
    return host.posted().map(({ handle }) => handle.dlid);
  };
  /** Returns the number of packets that the host receives if one is sent to the group on this MLID. */
  const receives = (group: MulticastGroup, mlid: number) => {
    const { qkey } = sa.group;
    const grh = { dgid: group.mgid, sgidIndex: 0, flowLabel: 0, hopLimit: 0 };
    other.inject({
      handle: {
        ...{ dlid: mlid, sl: 0, staticRate: 0 },
        grh: { ...grh, trafficClass: 0 },
      },
      qkey: qkey!,
      pkey: 0xffff,
      encap: encapWord(EtherType.Ipv4),
      payload: packetOf(ipv4Frame("10.0.0.9", "239.1.1.1")),
    });
    rig.settle();
    return host.received().length;
  };
  const move = (group: MulticastGroup, mlid: number) =>
    sa.mlids.set(gidKey(group.mgid), mlid);
  return { ...scene, groupOf, attached, sendsTo, receives, move };
}

for (const [title, address] of GROUPS) {
  for (const [cause, event] of CAUSES) {
    Deno.test(`${title} follows to the MLID that ${cause} finds`, () => {
      const { rig, host, groupOf, attached, sendsTo, receives, move } = setup();
      const group = groupOf(address);
      const { mlid } = group.record!;
      const { sendOnly } = group;
      assertEquals(sendsTo(address), [mlid]);
      assertEquals(receives(group, mlid), sendOnly ? 0 : 1);
      move(group, NEW_MLID);
      if (event) host.port.emit({ type: event });
      else host.link.checkMemberships();
      // The answer has not arrived: packets still use the old MLID.
      host.inject(ipv4Frame("10.0.0.1", address));
      assertEquals(host.posted().map(({ handle }) => handle.dlid), [mlid]);
      rig.settle();
      assertEquals(groupOf(address), group, "the group is not replaced");
      assertEquals(attached(group), sendOnly ? [] : [NEW_MLID]);
      assertEquals(sendsTo(address), [NEW_MLID]);
      assertEquals(receives(group, NEW_MLID), sendOnly ? 0 : 1);
      assertEquals(receives(group, mlid), 0);
      assertEquals([host.link.state, host.drops], ["running", {}]);
      assertEquals(host.link.doubt, undefined);
      const { qkey } = host.port.qps.get(host.link.qpn)!;
      assertEquals(qkey, group.record!.qkey);
      rig.check();
    });
  }
}

Deno.test("groups that exchange their MLIDs are attached to one each", () => {
  const { rig, host, groupOf, attached, sendsTo, move } = setup();
  const [broadcast, full] = [groupOf("10.0.0.255"), groupOf("239.1.1.1")];
  const [first, second] = [broadcast.record!.mlid, full.record!.mlid];
  move(broadcast, second);
  move(full, first);
  host.port.emit({ type: "client_reregister" });
  rig.settle();
  assertEquals([attached(broadcast), attached(full)], [[second], [first]]);
  assertEquals(sendsTo("10.0.0.255"), [second]);
  assertEquals(sendsTo("239.1.1.1"), [first]);
  rig.check();
});

Deno.test("a device that refuses the new MLID is asked again, and packets are sent meanwhile", () => {
  const { rig, host, groupOf, attached, sendsTo, move } = setup();
  const group = groupOf("10.0.0.255");
  const { mlid } = group.record!;
  host.port.onCall = (call) => {
    if (call !== "attachMulticast") return;
    throw new IpoibError("E_VERBS", "No attachment", { errno: Errno.ENOMEM });
  };
  move(group, NEW_MLID);
  host.port.emit({ type: "client_reregister" });
  rig.settle();
  assertEquals([attached(group), sendsTo("10.0.0.255")], [[], [mlid]]);
  assertEquals(host.link.state, "running");
  assertEquals(
    host.link.doubt,
    "the join of broadcast group ff12:401b:ffff::ffff:ffff fails on this port: Cannot allocate memory",
  );
  host.port.onCall = () => {};
  rig.advance(2000);
  host.posted();
  assertEquals(attached(group), [NEW_MLID]);
  assertEquals(sendsTo("10.0.0.255"), [NEW_MLID]);
  assertEquals(host.link.doubt, undefined);
  rig.check();
});

Deno.test("a changed MLID is counted as a lost membership, and logged with both MLIDs", () => {
  const { rig, host, groupOf, move } = setup();
  const group = groupOf("239.1.1.1");
  const { mlid } = group.record!;
  move(group, NEW_MLID);
  rig.advance(2 * CHECK_MS);
  assertEquals(host.link.statistics.tables.get("memberships_lost"), 1);
  assertEquals(logLines.filter((line) => line.includes("MLID")), [
    `ib1: warning: The MLID of ff12:401b:ffff::f01:101 was 0x${
      mlid.toString(16)
    } and is 0xc0aa, as after a restart of the subnet manager: joining again`,
  ]);
  rig.check();
});
