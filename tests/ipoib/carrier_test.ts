/** The carrier of a network device that was created, and of one that was taken over. */

import { assertEquals } from "@std/assert";
import { getLogger } from "../../src/base/log.ts";
import { Carrier, type CarrierParts } from "../../src/ipoib/carrier.ts";
import { FakeReactor } from "../../src/system/fake_reactor.ts";

/** A carrier that records what it sets on the device. */
function scene(adopted: boolean, initial: boolean) {
  const calls: (boolean | number)[] = [];
  const reactor = new FakeReactor();
  const carrier = new Carrier({
    netdev: {
      adopted,
      config: { carrier: initial },
      setCarrier: (on: boolean) => calls.push(on),
      setSpeed: (mbps: number) => calls.push(mbps),
    },
    port: { attributes: { laneMbps: 25_000, activeWidth: 4 } },
    log: getLogger("ib0"),
    reactor,
  } as unknown as CarrierParts);
  /** Returns what was set since the last call. */
  const set = () => calls.splice(0).filter((each) => typeof each === "boolean");
  const pass = (ms: number) => {
    reactor.clock.advance(ms);
    reactor.settle();
  };
  return { carrier, set, pass };
}

Deno.test("the carrier of a new device follows the link", () => {
  const { carrier, set } = scene(false, false);
  carrier.set(false);
  assertEquals(set(), []);
  carrier.set(true);
  carrier.set(true);
  assertEquals(set(), [true]);
  carrier.set(false);
  assertEquals(set(), [false]);
});

Deno.test("the carrier of an adopted device stays on while the link starts, and then follows the link", () => {
  const { carrier, set, pass } = scene(true, true);
  carrier.set(false);
  pass(4000);
  assertEquals(set(), []);
  carrier.set(true);
  assertEquals(set(), []);
  pass(4000);
  assertEquals(set(), []);
  carrier.set(false);
  assertEquals(set(), [false]);
});

Deno.test("the carrier of an adopted device goes off if the link has not started after five seconds", () => {
  const { carrier, set, pass } = scene(true, true);
  carrier.set(false);
  pass(5000);
  assertEquals(set(), [false]);
  carrier.set(true);
  assertEquals(set(), [true]);
});

Deno.test("an adopted device without carrier gets it when the link runs", () => {
  const { carrier, set, pass } = scene(true, false);
  carrier.set(false);
  pass(6000);
  assertEquals(set(), []);
  carrier.set(true);
  assertEquals(set(), [true]);
});

Deno.test("close() ends the wait", () => {
  const { carrier, set, pass } = scene(true, true);
  carrier.set(false);
  carrier.close();
  pass(6000);
  assertEquals(set(), []);
});
