/** What a port passes to the manager that its process starts, after several managers have ended. */

import { assertEquals } from "@std/assert";
import { OLD_TABLES_MS } from "../../../src/hca/soft/forwarding_tables.ts";
import type { LastKnown } from "../../../src/subnet/messages.ts";
import { MonotonicClock } from "../../../src/system/clock.ts";
import { PollReactor } from "../../../src/system/poll_reactor.ts";
import { registerByHand, Subnet } from "./subnet.ts";

/** GUID of a port that registers with the first manager only. */
const SLOW = "0x00000000000000ff";

Deno.test("a port passes on the ports that had no time to register with the last manager", () => {
  const real = new MonotonicClock();
  let skipped = 0;
  const reactor = new PollReactor({ now: () => real.now() + skipped });
  using subnet = new Subnet({}, reactor);
  let known: LastKnown | undefined;
  const { port, events } = subnet.open(0x11n, {
    onManagerMissing: (last) => known = last,
  });
  /** Ends the manager; returns the LIDs of the ports that the port passes on. */
  const killManager = () => {
    subnet.killManager();
    Deno.removeSync(subnet.socket);
    known = undefined;
    subnet.until(() => known !== undefined, "the end of the manager");
    return lids();
  };
  const lids = () => known!.ports.map(({ guid, lid }) => [guid, lid]);
  const own = ["0x0000000000000011", 2];
  subnet.until(() => port.attributes.state === "active");
  const slow = registerByHand(subnet, SLOW);
  subnet.settle();
  const both = [own, [SLOW, slow.lid]];
  assertEquals(killManager(), both);
  slow.manager.close();
  for (const takeover of [1, 2]) {
    subnet.startManager();
    subnet.until(
      () =>
        events.filter(({ type }) => type === "client_reregister").length ===
          takeover,
      "the registration",
    );
    assertEquals(killManager(), both);
  }
  // Without a manager the state stays unchanged.
  known = undefined;
  skipped = OLD_TABLES_MS;
  subnet.until(() => known !== undefined);
  assertEquals(lids(), both);
  subnet.startManager();
  subnet.until(() => events.length === 4, "the registration");
  skipped *= 2;
  subnet.settle();
  assertEquals(killManager(), [own]);
});
