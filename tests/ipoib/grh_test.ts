/**
 * Ports that require a GRH (mlx5 virtual functions): the device refuses address handles, connections and MADs without
 * one, and the administrator ignores MADs without one.
 */

import { assert, assertEquals } from "@std/assert";
import type { FakeAddressHandle } from "../../src/hca/fake_address_handle.ts";
import { parseGid } from "../../src/wire/gid.ts";
import type { MadAddress } from "../../src/wire/mad.ts";
import { frameOf, transports } from "./connected/support.ts";
import { type Host, ipv4Frame, Rig } from "./rig.ts";

const TO_B = ipv4Frame("10.0.0.1", "10.0.0.2");
const TO_A = ipv4Frame("10.0.0.2", "10.0.0.1");
const ADMINISTRATOR = parseGid("fe80::200:0:0:2")!;

/** A rig whose administrator ignores MADs without a GRH; records the destinations of the others. */
function strictRig(): { rig: Rig; requests: MadAddress[] } {
  const rig = new Rig();
  const requests: MadAddress[] = [];
  const { onMad } = rig.fabric;
  rig.fabric.onMad = (from, mad, to) => {
    if (!to.grh) return;
    requests.push(to);
    onMad(from, mad, to);
  };
  return { rig, requests };
}

/** Returns the DGIDs of the paths of a host; undefined for a path without a GRH. */
function dgidsOf(host: Host): unknown[] {
  return host.link.paths.entries().map(({ ah }) =>
    (ah as FakeAddressHandle).attributes.grh?.dgid
  );
}

Deno.test("on ports that require a GRH the link runs, peers reach each other, and a client reregister has no effect on that", () => {
  const { rig, requests } = strictRig();
  const [a, b] = rig.pair({ grhRequired: true });
  assertEquals([a.link.state, b.link.state], ["running", "running"]);
  a.send(TO_B);
  b.send(TO_A);
  assertEquals([a.received().length, b.received().length], [1, 1]);
  assertEquals(dgidsOf(a), [b.port.attributes.gid]);
  for (const host of [a, b]) {
    requests.length = 0;
    host.port.emit({ type: "client_reregister" });
    rig.settle();
    assert(requests.length > 0);
    for (const { grh } of requests) assertEquals(grh!.gid, ADMINISTRATOR);
  }
  a.send(TO_B);
  assertEquals(b.received().length, 1);
  assertEquals([a.drops, b.drops], [{}, {}]);
  rig.check();
});

Deno.test("a port that requires a GRH connects to one that does too, and to one that does not, in both directions", () => {
  for (const other of [true, false]) {
    const rig = new Rig();
    const [a, b] = [true, other].map((grhRequired, i) =>
      rig.host({
        address: `10.0.0.${i + 1}`,
        ...{ connections: true, mode: "connected", grhRequired },
      })
    ) as [Host, Host];
    const directions = [[a, "10.0.0.2", "10.0.0.1"], [
      b,
      "10.0.0.1",
      "10.0.0.2",
    ]] as const;
    for (const [host, to, from] of directions) {
      host.send(frameOf(100, to, from));
      host.posted();
      host.send(frameOf(60_000, to, from));
      assertEquals(transports(host), ["rc 60000"]);
    }
    assertEquals([a.received().length, b.received().length], [2, 2]);
    rig.check();
  }
});
