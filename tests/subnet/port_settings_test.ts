/** Port states and P_Key tables that operations have set, across takeovers. */

import { assertEquals } from "@std/assert";
import { broadcastJoin } from "../../src/sa/requests.ts";
import { MAX_PKEYS, type Partition } from "../../src/subnet/partitions.ts";
import { RESERVATION_MS } from "../../src/subnet/ports.ts";
import { broadcastMgid } from "../../src/wire/mgid.ts";
import { guidOf, Rig, type RigPort } from "./rig.ts";

const guid = (n: number) => BigInt(guidOf(n));
const SET = [0xffff, 0x8077];
const BUILT_IN = [0xffff, 0x8001, 0x8002];

/** Three ports: the P_Key table of the second is set, the third is down. */
function busySubnet(): { rig: Rig; ports: RigPort[] } {
  const rig = new Rig();
  const ports = [1, 2, 3].map((n) => rig.join(n));
  rig.manager.setPkeys(guid(2), SET, rig.clock.now());
  rig.manager.setPortState(guid(3), "down", rig.clock.now());
  rig.pump();
  return { rig, ports };
}

function takeOver(rig: Rig, by: RigPort, partitions?: Partition[]): void {
  const previous = by.lastKnown();
  rig.ports.clear();
  rig.manager = rig.makeManager({
    previous,
    ...(partitions ? { partitions } : {}),
  });
}

/** Returns P_Keys and state of the registered ports, by LID. */
function states(rig: Rig): Record<number, [number[], string]> {
  return Object.fromEntries(
    rig.snapshot.ports.map(({ lid, pkeys, state }) => [lid, [pkeys, state]]),
  );
}

const KEPT = {
  2: [BUILT_IN, "active"],
  3: [SET, "active"],
  4: [BUILT_IN, "down"],
} as ReturnType<typeof states>;

for (const by of [0, 1, 2]) {
  Deno.test(`P_Key tables and port states survive two takeovers, the first by the process of port ${by + 1}`, () => {
    const { rig, ports } = busySubnet();
    takeOver(rig, ports[by]!);
    const first = rig.join(1, { lid: 2 });
    // The other ports have not registered yet when the manager is replaced again.
    takeOver(rig, first);
    const again = [2, 3, 1].map((n) => rig.join(n, { lid: n + 1 }));
    assertEquals(states(rig), KEPT);
    const [set, down, plain] = again;
    assertEquals(set!.welcome.pkeys, SET);
    assertEquals([set!.welcome.down, down!.welcome.down], [false, true]);
    assertEquals(down!.welcome.fabric, { ports: [], groups: [] });
    assertEquals([...plain!.lids.keys()], [3, 2]);
    assertEquals(plain!.settings.length, 2);
    rig.manager.setPortState(guid(3), "active", rig.clock.now());
    rig.manager.setPkeys(guid(2), undefined, rig.clock.now());
    rig.pump();
    assertEquals(plain!.settings, []);
    assertEquals(states(rig), {
      2: [BUILT_IN, "active"],
      3: [[0xffff, 0, 0x8001, 0x8002], "active"],
      4: [BUILT_IN, "active"],
    });
  });
}

Deno.test("a port cannot report its own setting, nor avoid it with a hello without a LID", () => {
  const { rig, ports } = busySubnet();
  takeOver(rig, ports[0]!);
  rig.join(2, { guidFixed: true });
  assertEquals(states(rig), {});
  rig.join(2, { lid: 9 });
  assertEquals(states(rig), { 9: [SET, "active"] });
});

Deno.test("memberships of a port that is down are not restored", () => {
  const { rig, ports } = busySubnet();
  takeOver(rig, ports[0]!);
  const mgid = "ff12401bffff000000000000ffffffff";
  const down = rig.join(3, { lid: 4 }, [{
    ...{ mgid, mlid: 0xc000, joinState: 1, pkey: 0xffff, qkey: 0xb1b },
    ...{ mtu: 4, rate: 3, sl: 0, flowLabel: 0, hopLimit: 0, tclass: 0 },
  }]);
  const [group] = rig.snapshot.groups;
  assertEquals(group!.members, []);
  const answer = down.ask((now, done) =>
    down.client.join(
      broadcastJoin(broadcastMgid(0xffff), down.gid, 0xffff),
      now,
      done,
    )
  );
  assertEquals(answer, undefined);
});

Deno.test("settings of ports that do not register again are forgotten after RESERVATION_MS", () => {
  const { rig, ports } = busySubnet();
  takeOver(rig, ports[0]!);
  const port = rig.join(1, { lid: 2 });
  assertEquals(port.settings.length, 2);
  rig.advance(RESERVATION_MS);
  assertEquals(port.settings, []);
  rig.join(2);
  assertEquals(states(rig)[3], [BUILT_IN, "active"]);
});

Deno.test("the setting of a port ends with its registration", () => {
  const { rig, ports } = busySubnet();
  rig.leave(ports[1]!);
  rig.leave(ports[2]!);
  assertEquals(ports[0]!.settings, []);
  rig.join(2);
  assertEquals(states(rig)[3], [BUILT_IN, "active"]);
});

Deno.test("a LID change of a port with a setting is known to the next manager", () => {
  const { rig, ports } = busySubnet();
  rig.manager.moveLid(guid(3), 0x44, rig.clock.now());
  rig.pump();
  takeOver(rig, ports[0]!);
  assertEquals(rig.join(7, { lid: 0x44 }).welcome.lid, 4);
  assertEquals(rig.join(3, { lid: 0x44 }).welcome.lid, 0x44);
});

Deno.test("P_Keys keep their indexes in a takeover after a reload has removed another P_Key", () => {
  const rig = new Rig();
  const port = rig.join(1);
  const down = rig.join(2);
  rig.manager.setPortState(guid(2), "down", rig.clock.now());
  const all = { port: "ALL", membership: "full" } as const;
  const partitions = [0x7fff, 2].map((pkey) => ({
    name: `p${pkey}`,
    pkey,
    members: [all],
  }));
  rig.manager.reload(partitions, rig.clock.now());
  rig.pump();
  const table = [0xffff, 0, 0x8002];
  assertEquals(port.events.at(-1)?.pkeys, table);
  for (const by of [port, down]) {
    takeOver(rig, by, partitions);
    assertEquals(rig.join(2, { lid: 3 }).welcome.pkeys, table);
  }
});

Deno.test("the settings of many ports with full tables fit in frames", () => {
  const rig = new Rig();
  const first = rig.join(1);
  const pkeys = Array.from({ length: MAX_PKEYS }, (_, i) => 0xfff0 - i);
  const count = 130;
  for (let n = 0; n < count; n++) {
    const at = BigInt(guidOf(1)) + 0x100n + BigInt(n);
    const port = rig.connect();
    rig.hello(port, 1, { guid: `0x${at.toString(16).padStart(16, "0")}` });
    rig.manager.setPkeys(at, pkeys, rig.clock.now());
    rig.pump();
  }
  assertEquals(first.settings.length, count);
  assertEquals(rig.join(2).settings.length, count);
});
