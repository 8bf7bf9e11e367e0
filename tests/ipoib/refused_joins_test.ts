/** Refused joins with the embedded subnet's administrator: the reasons that it lets a port find out. */

import { assert, assertEquals } from "@std/assert";
import { mcgRecords } from "../../src/daemon/records/mcg_record.ts";
import { groupLeave } from "../../src/sa/requests.ts";
import type { SubnetManagerOptions } from "../../src/subnet/manager.ts";
import { parsePartitionsConf } from "../../src/subnet/partitions_conf.ts";
import { JoinState } from "../../src/wire/sa/mc_member_record.ts";
import {
  FOREIGN_PKEY,
  OTHER_QKEY,
  REFUSED_PARTITIONS,
  STATES,
  wideJoin,
} from "./refused_partitions.ts";
import { type Host, ip, Rig } from "./rig.ts";

function subnet(text: string): Partial<SubnetManagerOptions> {
  return { partitions: parsePartitionsConf(text).partitions };
}

/** Returns the reason that `mcg show` prints for the group of 239.1.1.1. */
function reasonOf(host: Host): string | undefined {
  const group = mcgRecords(host.link, 0).find(({ mgid }) =>
    mgid.endsWith(":f01:101")
  );
  assert(group);
  return group.reason;
}

Deno.test("interfaces on partitions that do not fit name the reason", () => {
  const rig = new Rig(subnet(REFUSED_PARTITIONS));
  const host = rig.host({ address: "10.0.0.1" });
  const { gid } = host.port.attributes;
  host.sa.join(wideJoin(gid), rig.reactor.clock.now(), ({ ok }) => assert(ok));
  host.port.emit({ type: "pkey_change" }, {
    pkeys: [...host.port.attributes.pkeys, FOREIGN_PKEY],
  });
  const children = STATES.map(({ pkey }) => {
    const child = host.device.createChild(pkey);
    child.netdev.change({ up: true });
    return child;
  });
  rig.settle();
  assertEquals(
    children.map(({ pkey, state }) => ({ pkey, state })),
    [...STATES],
  );
  rig.check();
});

Deno.test("a group with another Q_Key names both", () => {
  const rig = new Rig(subnet(REFUSED_PARTITIONS));
  const host = rig.host({ address: "10.0.0.1" });
  host.netdev.config.join(ip(OTHER_QKEY.address));
  rig.settle();
  assertEquals(reasonOf(host), OTHER_QKEY.reason);
  assertEquals(host.link.state, "running");
  rig.check();
});

Deno.test("a group with another SL names both", () => {
  const text =
    "Default=0x7fff, ipoib : mgid=ff12:401b:ffff::f01:101,sl=3\nALL=full ;";
  const rig = new Rig(subnet(text));
  const host = rig.host({ address: "10.0.0.1" });
  host.netdev.config.join(ip(OTHER_QKEY.address));
  rig.settle();
  assertEquals(reasonOf(host), "the group has SL 3, the join requires 0");
});

const LINKS: [string, string][] = [
  [
    "Default=0x7fff : ALL=full ;",
    "does not exist, or the port is not a member of partition 0xffff",
  ],
  [
    "Default=0x7fff, ipoib, Q_Key=0x1234 : ALL=full ;",
    "has Q_Key 0x00001234, the join requires 0x00000b1b",
  ],
];

for (const [text, predicate] of LINKS) {
  Deno.test(`a group cannot be created when its broadcast group ${predicate}`, () => {
    const rig = new Rig(subnet("Default=0x7fff, ipoib : ALL=full ;"));
    const host = rig.host({ address: "10.0.0.1" });
    const now = rig.reactor.clock.now();
    // Another program on the port ends the membership, so that the group can be replaced.
    const { broadcastMgid: mgid } = host.link;
    const { gid } = host.port.attributes;
    host.sa.leave(groupLeave(mgid, gid, JoinState.FullMember), now, () => {});
    rig.settle();
    const { partitions } = parsePartitionsConf(text);
    rig.subnet!.manager.reload(partitions, now);
    host.netdev.config.join(ip(OTHER_QKEY.address));
    rig.settle();
    assertEquals(
      reasonOf(host),
      `the group does not exist and cannot be created: its broadcast group ff12:401b:ffff::ffff:ffff ${predicate}`,
    );
  });
}
