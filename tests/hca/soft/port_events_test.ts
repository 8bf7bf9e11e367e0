/** The effects of the manager's events on a port. */

import { assert, assertEquals } from "@std/assert";
import type { PortEvent } from "../../../src/hca/hca.ts";
import { Subnet } from "./subnet.ts";

const FIRST = 0x11n;

/** Returns the types of the events after the first `before`. */
function since(events: PortEvent[], before: number): string[] {
  return events.slice(before).map(({ type }) => type);
}

Deno.test("a port follows the port state that the manager sets", () => {
  using subnet = new Subnet();
  const [port, other] = subnet.openAll(FIRST, 0x12n);
  const { events } = subnet.ports[0]!;
  assertEquals(since(events, 0), ["port_active"]);
  const { manager } = subnet.host!;
  const { clock } = subnet.reactor;
  const { qp } = subnet.receiver(port!);
  manager.setPortState(FIRST, "down", clock.now());
  subnet.until(() => events.length === 2);
  assertEquals(since(events, 1), ["port_error"]);
  const { state, physState, lid } = port!.attributes;
  assertEquals([state, physState, lid], ["down", "Polling", 2]);
  assertEquals(other!.attributes.state, "active");
  manager.setPortState(FIRST, "active", clock.now());
  subnet.until(() => events.length === 3);
  assertEquals(since(events, 2), ["port_active"]);
  assertEquals(port!.attributes.state, "active");
  assertEquals(port!.attributes.physState, "LinkUp");
  qp.close();
});

Deno.test("a port takes over a changed LID and P_Key table", () => {
  using subnet = new Subnet();
  const [port] = subnet.openAll(FIRST);
  const { events } = subnet.ports[0]!;
  const { manager } = subnet.host!;
  const { clock } = subnet.reactor;
  const lid = manager.moveLid(FIRST, undefined, clock.now());
  manager.setPkeys(FIRST, [0xffff, 0x8044], clock.now());
  manager.reregister("all");
  subnet.until(() => events.length === 4);
  assertEquals(since(events, 1), [
    ...["lid_change", "pkey_change", "client_reregister"],
  ]);
  assertEquals(port!.attributes.lid, lid);
  assertEquals(port!.attributes.pkeys, [0xffff, 0x8044]);
});

Deno.test("a port that was down becomes active under the next manager", () => {
  using subnet = new Subnet();
  const [port] = subnet.openAll(FIRST);
  const { events } = subnet.ports[0]!;
  subnet.host!.manager.setPortState(
    FIRST,
    "down",
    subnet.reactor.clock.now(),
  );
  subnet.until(() => port!.attributes.state === "down");
  const before = events.length;
  subnet.killManager();
  Deno.removeSync(subnet.socket);
  subnet.startManager();
  subnet.until(() => port!.attributes.state === "active");
  subnet.settle();
  assert(since(events, before).includes("port_active"));
  assertEquals([port!.attributes.lid, port!.attributes.physState], [
    ...[2, "LinkUp"],
  ]);
});
