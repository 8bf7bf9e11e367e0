/** The memberships that ports report to a new manager, as the groups of that manager show them. */

import { assertEquals } from "@std/assert";
import { NO_FAULTS } from "../../../src/subnet/fault_messages.ts";
import type { PortSetting } from "../../../src/subnet/port_settings.ts";
import { gsiAddress, Method, MgmtClass } from "../../../src/wire/mad.ts";
import { broadcastMgid, ipv4Mgid } from "../../../src/wire/mgid.ts";
import {
  JoinState,
  McMemberRecord,
} from "../../../src/wire/sa/mc_member_record.ts";
import { SaAttribute, SaMad } from "../../../src/wire/sa/sa_mad.ts";
import { openSaClient } from "../../../src/ipoib/open_sa_client.ts";
import { broadcastJoin, groupLeave } from "../../../src/sa/requests.ts";
import { join } from "./join.ts";
import { Subnet } from "./subnet.ts";

const BROADCAST = broadcastMgid(0xffff);
const JOINED = [{ mgid: "ff12:401b:ffff::ffff:ffff", mlid: 0xc000 }];

/** Returns the groups of which the port with this LID is a member. */
function groupsOf(subnet: Subnet, lid: number) {
  return subnet.host!.manager.snapshot().groups
    .filter(({ members }) => members.some((member) => member.lid === lid))
    .map(({ mgid, mlid }) => ({ mgid, mlid }));
}

/** Replaces the manager by one that knows only these settings, and what the ports report. */
function takeOver(subnet: Subnet, settings: PortSetting[] = []): void {
  const before = subnet.ports.map(({ events }) => events.length);
  subnet.killManager();
  Deno.removeSync(subnet.socket);
  subnet.startManager({
    previous: { ports: [], groups: [], faults: NO_FAULTS, settings },
  });
  subnet.until(
    () =>
      subnet.ports.every(({ events }, i) =>
        events.slice(before[i]).some(({ type }) => type === "client_reregister")
      ),
    "the registration with the next manager",
  );
  // The memberships follow the hello.
  subnet.settle();
}

Deno.test("a peer adds no membership to those that a port reports", () => {
  using subnet = new Subnet();
  const [peer, port] = subnet.openAll(0x11n, 0x12n);
  const { lid, gid } = port!.attributes;
  join(subnet, port!);
  assertEquals(groupsOf(subnet, lid), JOINED);
  const agent = peer!.openMadAgent(MgmtClass.SubnAdm);
  for (const mgid of [BROADCAST, ipv4Mgid(0xef000001 | 0, BROADCAST)]) {
    const record = {
      ...{ mgid, portGid: gid, mlid: 0xd000, qkey: 0xb1b, pkey: 0xffff },
      ...{ mtu: 4, rate: 3, joinState: 1 },
    };
    const response = SaMad.of({
      method: Method.GetResp,
      transactionId: 1n,
      attributeId: SaAttribute.McMemberRecord,
      data: McMemberRecord.emit(McMemberRecord.of(record)),
    });
    agent.send(SaMad.emit(response), gsiAddress(lid));
  }
  subnet.settle();
  takeOver(subnet);
  assertEquals(groupsOf(subnet, lid), JOINED);
});

Deno.test("a port reports no membership of the time before it was set down", () => {
  using subnet = new Subnet();
  const [port] = subnet.openAll(0x11n);
  const { lid } = port!.attributes;
  join(subnet, port!);
  for (const state of ["down", "active"] as const) {
    const { clock } = subnet.reactor;
    subnet.host!.manager.setPortState(0x11n, state, clock.now());
    subnet.until(() => port!.attributes.state === state, state);
  }
  assertEquals(groupsOf(subnet, lid), []);
  takeOver(subnet);
  assertEquals(groupsOf(subnet, lid), []);
});

Deno.test("a port that is down under the next manager reports no membership to the one after it", () => {
  using subnet = new Subnet();
  const [port] = subnet.openAll(0x11n);
  const { lid, pkeys } = port!.attributes;
  join(subnet, port!);
  const guid = "0x0000000000000011";
  takeOver(subnet, [
    { guid, lid, down: true, ownPkeys: false, pkeys: [...pkeys] },
  ]);
  assertEquals(port!.attributes.state, "down");
  takeOver(subnet);
  assertEquals(port!.attributes.state, "active");
  assertEquals(groupsOf(subnet, lid), []);
});

Deno.test("a port reports no membership that it left before the response to its join", () => {
  using subnet = new Subnet();
  const [port] = subnet.openAll(0x11n);
  const { lid, gid } = port!.attributes;
  const { reactor } = subnet;
  const { sa, close } = openSaClient(reactor, port!);
  const now = reactor.clock.now();
  const none = () => {};
  sa.join(broadcastJoin(BROADCAST, gid, 0xffff), now, none).cancel();
  let left = false;
  const leave = groupLeave(BROADCAST, gid, JoinState.FullMember);
  sa.leave(leave, now, ({ ok }) => left = ok);
  subnet.until(() => left, "the leave");
  close();
  takeOver(subnet);
  assertEquals(groupsOf(subnet, lid), []);
});
