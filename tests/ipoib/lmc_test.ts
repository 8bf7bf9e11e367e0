/** Ports with several LIDs (LMC greater than 0): packets carry the source LID of their path. */

import { assertEquals } from "@std/assert";
import { TrafficCount } from "../../src/ipoib/traffic.ts";
import { frameOf, rcQp } from "./connected/support.ts";
import { carryConnectionMads } from "./connected/test_connections.ts";
import { type Host, type HostOptions, ipv4Frame, Rig } from "./rig.ts";
import { ScriptedSa } from "./scripted_sa.ts";

const TO_B = ipv4Frame("10.0.0.1", "10.0.0.2");
const TO_A = ipv4Frame("10.0.0.2", "10.0.0.1");

/** Two hosts, and the administrator of their fabric. */
function hostsWith(lmc: number, options: HostOptions = {}) {
  const rig = new Rig(false);
  const sa = new ScriptedSa(rig);
  carryConnectionMads(rig.fabric);
  const bits = (1 << lmc) - 1;
  const [a, b] = [0x10, 0x20].map((lid, i) =>
    rig.host({
      ...{ register: false, state: "active", pkeys: [0xffff], lid },
      address: `10.0.0.${i + 1}`,
      ...options,
    })
  ) as [Host, Host];
  // Each path has the highest LIDs of both ports.
  sa.pathOf = ({ dgid }) => {
    const toB = dgid[15] === b.port.attributes.gid[15];
    const [own, other] = toB ? [0x10, 0x20] : [0x20, 0x10];
    return { slid: own | bits, dlid: other | bits };
  };
  rig.fabric.groups.set(0xc001, [0x10, 0x20]);
  for (const { port } of [a, b]) {
    port.emit({ type: "lid_change" }, { lmc, smLid: 1 });
  }
  rig.advance(2000);
  for (const { port } of [a, b]) port.posted.length = 0;
  return { rig, sa, a, b, bits };
}

for (const lmc of [1, 2]) {
  Deno.test(`with LMC ${lmc}, packets of both directions carry the LIDs of their paths, and no path is queried again`, () => {
    const { rig, sa, a, b, bits } = hostsWith(lmc);
    a.send(TO_B);
    b.send(TO_A);
    assertEquals([a.received().length, b.received().length], [1, 1]);
    const queries = sa.paths.length;
    const packets = [a, b].flatMap((host) => host.posted())
      .filter(({ multicast }) => !multicast);
    for (const { handle } of packets) assertEquals(handle.pathBits, bits);
    // The source LIDs of the address resolution fit the paths.
    rig.advance(30_000);
    a.send(TO_B);
    assertEquals([sa.paths.length, b.received().length], [queries, 1]);
    rig.check();
  });

  Deno.test(`with LMC ${lmc}, a packet to a group, which has the base LID, is counted for the peer that has sent it`, () => {
    const { rig, a, b } = hostsWith(lmc);
    a.send(TO_B);
    b.send(TO_A);
    const { traffic } = a.neighbour("10.0.0.2")!.peer!;
    const before = traffic[TrafficCount.RxPackets]!;
    b.send(ipv4Frame("10.0.0.2", "255.255.255.255"));
    assertEquals(traffic[TrafficCount.RxPackets], before + 1);
    rig.check();
  });

  Deno.test(`with LMC ${lmc}, the messages of connections carry the LIDs of their paths`, () => {
    const options = { connections: true, mode: "connected" } as const;
    const { rig, a, b, bits } = hostsWith(lmc, options);
    a.send(frameOf(100));
    a.posted();
    a.send(frameOf(60_000));
    const [message] = a.posted();
    assertEquals([message!.handle.dlid, message!.handle.pathBits], [
      0x20 | bits,
      bits,
    ]);
    assertEquals(b.received().map(({ length }) => length), [100, 60_000]);
    // The end of the connection at the other port is for the LIDs of the path, too.
    const { path } = rcQp(b).remote!;
    assertEquals([path.dlid, path.pathBits], [0x10 | bits, bits]);
    rig.check();
  });
}
