import { assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import type { UdQp } from "../../src/hca/hca.ts";
import { Moderation } from "../../src/ipoib/moderation.ts";
import { Rig } from "./rig.ts";

Deno.test("Moderation.set() changes the given values and applies them to the queue pair", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  const qp = () => a.port.qps.get(a.link.qpn)!;
  const off = { rxUsecs: 0, rxFrames: 0 };
  assertEquals([a.link.moderation.values, qp().moderation], [off, off]);
  a.link.moderation.set({ rxUsecs: 16 });
  a.link.moderation.set({ rxFrames: 65535 });
  const set = { rxUsecs: 16, rxFrames: 65535 };
  assertEquals([a.link.moderation.values, qp().moderation], [set, set]);
  // A new queue pair gets the moderation of the old one.
  const { qpn } = a.link;
  const { pkeys } = a.port.attributes;
  const setPkeys = (pkeys: number[]) => {
    a.port.emit({ type: "pkey_change" }, { pkeys });
    rig.settle();
  };
  setPkeys([]);
  setPkeys([...pkeys]);
  assertEquals([a.link.qpn === qpn, qp().moderation], [false, set]);
  setPkeys([]);
  a.link.moderation.set(off);
  setPkeys([...pkeys]);
  assertEquals(qp().moderation, off);
  rig.check();
});

Deno.test("Moderation.set() refuses values over 16 bits without changing any", () => {
  const moderation = new Moderation();
  moderation.set({ rxUsecs: 65535, rxFrames: 1 });
  for (const change of [{ rxUsecs: 65536 }, { rxFrames: 70000, rxUsecs: 2 }]) {
    const error = assertThrows(() => moderation.set(change), IpoibError);
    assertEquals([error.code, error.errno], ["E_COALESCE", 22]);
  }
  assertEquals(moderation.values, { rxUsecs: 65535, rxFrames: 1 });
});

Deno.test("values for a device without moderation are stored", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  a.port.refusesModeration = true;
  a.link.moderation.set({ rxUsecs: 8 });
  assertEquals(a.link.moderation.values, { rxUsecs: 8, rxFrames: 0 });
});

Deno.test("other errors of the device are thrown, and no value is stored", () => {
  const moderation = new Moderation();
  const failing = {
    setModeration: () => {
      throw new IpoibError("E_CQ", "No", { errno: 5 });
    },
  } as unknown as UdQp;
  moderation.attach(failing);
  const error = assertThrows(() => moderation.set({ rxUsecs: 8 }), IpoibError);
  assertEquals(error.errno, 5);
  assertEquals(moderation.values, { rxUsecs: 0, rxFrames: 0 });
});
