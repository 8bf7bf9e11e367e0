/** The flag umcast: groups that another program on the port has joined are not joined for the kernel. */

import { assertEquals } from "@std/assert";
import { gidEquals } from "../../../src/wire/gid.ts";
import { MadStatus, Method } from "../../../src/wire/mad.ts";
import { ipv4Mgid } from "../../../src/wire/mgid.ts";
import { ip, ipv4Frame, logLines } from "../rig.ts";
import { type MembershipRecord, scriptedHost } from "../scripted_sa.ts";

const CHECK_MS = 30_000;
/** Groups that another program has joined, and one that it has not. */
const FOREIGN = "239.1.1.1";
const FREE = "239.2.2.2";
const JOIN_FULL = [Method.Set, 1];
const JOIN_SEND_ONLY = [Method.Set, 8];
const LEAVE_SEND_ONLY = [Method.Delete, 8];

function setup() {
  const scene = scriptedHost();
  const { rig, sa, host } = scene;
  const groups = host.link.groups;
  const mgid = (group: string) => ipv4Mgid(ip(group), host.link.broadcastMgid);
  const foreign = new Set([FOREIGN]);
  sa.checkStatus = (record) =>
    [...foreign].some((group) => gidEquals(mgid(group), record.mgid))
      ? 0
      : groups.entries().some(({ mgid, ah }) =>
          ah && gidEquals(mgid, record.mgid)
        )
      ? 0
      : MadStatus.NoRecords;
  host.link.umcast = true;
  const kernelJoins = (...groups: string[]) => {
    for (const group of groups) host.netdev.config.join(ip(group));
    rig.settle();
  };
  const find = (group: string) =>
    groups.entries().find((each) => gidEquals(each.mgid, mgid(group)));
  /** Returns method and join state of the joins and leaves of a group since the last call. */
  const requests = (group: string) =>
    sa.take().filter(({ record }) => gidEquals(record.mgid, mgid(group)))
      .map(({ method, record }: MembershipRecord) => [
        method,
        record.joinState,
      ]);
  return { ...scene, foreign, kernelJoins, find, requests };
}

Deno.test("umcast: a group that another program has joined is not joined, another one is", () => {
  const { rig, sa, host, kernelJoins, find } = setup();
  host.device.debugLevels.multicast = 1;
  kernelJoins(FOREIGN, FREE);
  assertEquals(find(FOREIGN), undefined);
  assertEquals(find(FREE)?.attached, true);
  assertEquals(sa.take().length, 1);
  const lines = logLines.filter((line) => line.includes("ignoring"));
  assertEquals(lines, [
    "ib1: ignoring multicast groups joined by other programs",
    "ib1: ignoring multicast entry for mgid ff12:401b:ffff::f01:101",
  ]);
  rig.check();
});

Deno.test("umcast: packets to a group of another program are sent as a send-only member", () => {
  const { rig, host, kernelJoins, find, requests } = setup();
  kernelJoins(FOREIGN);
  host.posted();
  host.send(ipv4Frame("10.0.0.1", FOREIGN));
  assertEquals(requests(FOREIGN), [JOIN_SEND_ONLY]);
  assertEquals(host.posted().length, 1);
  // Own membership or not, the group stays that of the other program while it is sent to.
  for (let i = 0; i < 6; i++) {
    rig.advance(CHECK_MS);
    host.send(ipv4Frame("10.0.0.1", FOREIGN));
  }
  assertEquals([find(FOREIGN)?.sendOnly, requests(FOREIGN)], [true, []]);
  rig.check();
});

Deno.test("umcast: the group is joined within a minute after the other program has left it", () => {
  const { rig, foreign, kernelJoins, find, requests } = setup();
  kernelJoins(FOREIGN);
  rig.advance(4 * CHECK_MS);
  assertEquals(requests(FOREIGN), []);
  foreign.clear();
  rig.advance(2 * CHECK_MS);
  assertEquals(requests(FOREIGN), [JOIN_FULL]);
  assertEquals(find(FOREIGN)?.attached, true);
  rig.check();
});

Deno.test("umcast: a group to which the kernel sends at the join is joined, unless another program has joined it", () => {
  const { rig, host, kernelJoins, find, requests } = setup();
  host.netdev.config.join(ip(FREE));
  host.send(ipv4Frame("10.0.0.1", FREE));
  assertEquals(find(FREE)?.attached, true);
  assertEquals(requests(FREE), [JOIN_SEND_ONLY, LEAVE_SEND_ONLY, JOIN_FULL]);
  // A group of which the port is a member for this interface is joined without a query.
  const other = "239.3.3.3";
  host.send(ipv4Frame("10.0.0.1", other));
  kernelJoins(other);
  assertEquals(requests(other), [JOIN_SEND_ONLY, LEAVE_SEND_ONLY, JOIN_FULL]);
  rig.check();
});

Deno.test("umcast: the groups are joined when the flag is cleared; groups that are joined stay joined when it is set", () => {
  const { rig, host, foreign, kernelJoins, find, requests } = setup();
  kernelJoins(FOREIGN, FREE);
  foreign.add(FREE);
  host.link.umcast = false;
  rig.settle();
  assertEquals(requests(FOREIGN), [JOIN_FULL]);
  host.link.umcast = true;
  kernelJoins("239.4.4.4");
  assertEquals([FOREIGN, FREE].map((each) => find(each)?.attached), [
    true,
    true,
  ]);
  assertEquals(host.link.umcast, true);
  rig.check();
});

Deno.test("umcast: a group that the kernel has left again is not joined later", () => {
  const { rig, host, foreign, kernelJoins, requests } = setup();
  kernelJoins(FOREIGN);
  host.netdev.config.leave(ip(FOREIGN));
  foreign.clear();
  rig.advance(4 * CHECK_MS);
  host.link.umcast = false;
  rig.settle();
  assertEquals(requests(FOREIGN), []);
  rig.check();
});

Deno.test("umcast: all groups are joined if the administrator does not answer or refuses the query", () => {
  for (const status of [undefined, MadStatus.UnsupportedMethodAttribute]) {
    const { rig, sa, kernelJoins, find } = setup();
    sa.checkStatus = () => status;
    kernelJoins(FOREIGN, FREE);
    rig.advance(3300);
    for (const group of [FOREIGN, FREE]) {
      assertEquals(find(group)?.attached, true, `${group} ${status}`);
    }
    rig.check();
  }
});

Deno.test("umcast: when the link starts again, the broadcast group is joined, and the others are checked again", () => {
  const { rig, host, foreign, kernelJoins, find } = setup();
  kernelJoins(FOREIGN, FREE);
  host.netdev.change({ up: false });
  rig.settle();
  foreign.clear();
  foreign.add(FREE);
  host.netdev.change({ up: true });
  rig.advance(300);
  assertEquals(host.link.state, "running");
  assertEquals(find(FOREIGN)?.attached, true);
  assertEquals(find(FREE), undefined);
  rig.check();
});
