import { assert, assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import type { UdQp } from "../../src/hca/ud_qp.ts";
import { type Host, ipv4Frame, logLines, Rig } from "./rig.ts";

const OFF = { rxUsecs: 0, rxFrames: 0 };

function host(): Host {
  return new Rig().pair()[0];
}

/** The moderation of the current queue pair. */
function applied({ port, link }: Host) {
  return port.qps.get(link.qpn)!.moderation;
}

Deno.test("Moderation.set() changes the given values and applies them to the queue pair", () => {
  const a = host();
  const { moderation } = a.link;
  assertEquals([moderation.values, applied(a)], [OFF, OFF]);
  moderation.set({ rxUsecs: 16 });
  moderation.set({ rxFrames: 65535 });
  const set = { rxUsecs: 16, rxFrames: 65535 };
  assertEquals([moderation.values, applied(a)], [set, set]);
  // A new queue pair gets the moderation of the old one.
  const { qpn } = a.link;
  const { pkeys } = a.port.attributes;
  const setPkeys = (pkeys: number[]) => {
    a.port.emit({ type: "pkey_change" }, { pkeys });
    a.rig.settle();
  };
  setPkeys([]);
  setPkeys([...pkeys]);
  assertEquals([a.link.qpn === qpn, applied(a)], [false, set]);
  setPkeys([]);
  moderation.set(OFF);
  setPkeys([...pkeys]);
  assertEquals(applied(a), OFF);
  a.rig.check();
});

Deno.test("Moderation.set() refuses values over 16 bits without changing any", () => {
  const { moderation } = host().link;
  moderation.set({ rxUsecs: 65535, rxFrames: 1 });
  const changes = [
    { rxUsecs: 65536 },
    { rxFrames: 70000, rxUsecs: 2, adaptive: true },
  ];
  for (const change of changes) {
    const error = assertThrows(() => moderation.set(change), IpoibError);
    assertEquals([error.code, error.errno], ["E_COALESCE", 22]);
  }
  assertEquals(moderation.values, { rxUsecs: 65535, rxFrames: 1 });
  assertEquals(moderation.adaptive, false);
});

Deno.test("a device without moderation refuses a change, and nothing is stored", () => {
  const a = host();
  const { moderation } = a.link;
  a.port.refusesModeration = true;
  for (const change of [{ rxUsecs: 8 }, { adaptive: true }]) {
    const error = assertThrows(() => moderation.set(change), IpoibError);
    assertEquals(error.errno, 95);
    assertEquals([moderation.values, moderation.adaptive], [OFF, false]);
  }
  moderation.set({ rxUsecs: 0 });
});

Deno.test("other errors of the device are thrown, and no value is stored", () => {
  const { moderation } = host().link;
  const failing = {
    setModeration: () => {
      throw new IpoibError("E_CQ", "No", { errno: 5 });
    },
  } as unknown as UdQp;
  moderation.attach(failing);
  const error = assertThrows(() => moderation.set({ rxUsecs: 8 }), IpoibError);
  assertEquals(error.errno, 5);
  assertEquals(moderation.values, OFF);
});

Deno.test("values that the device of a new queue pair refuses are logged and cleared", () => {
  const a = host();
  const { moderation } = a.link;
  const { pkeys } = a.port.attributes;
  moderation.set({ rxUsecs: 8 });
  a.port.refusesModeration = true;
  a.port.emit({ type: "pkey_change" }, { pkeys: [] });
  a.port.emit({ type: "pkey_change" }, { pkeys: [...pkeys] });
  a.rig.settle();
  assertEquals([moderation.values, a.link.state], [OFF, "running"]);
  assert(logLines.some((line) => line.includes("moderation is off")));
});

Deno.test("adaptive moderation follows the traffic, and keeps the values of the user for its end", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const { moderation } = b.link;
  moderation.set({ rxUsecs: 8, adaptive: true });
  assertEquals([moderation.values.rxUsecs, applied(b)], [8, OFF]);
  const frame = ipv4Frame("10.0.0.1", "10.0.0.2");
  a.send(frame);
  // The fake raises an event for each packet; a device raises one for a burst.
  const qp = b.port.qps.get(b.link.qpn)!;
  const event = qp.onReceive;
  qp.onReceive = () => {};
  const burst = () => {
    for (let i = 0; i < 10; i++) {
      a.send(...Array.from({ length: 8 }, () => frame));
      event();
      rig.advance(2);
    }
  };
  for (let i = 0; i < 6; i++) burst();
  assertEquals(applied(b), { rxUsecs: 256, rxFrames: 64 });
  rig.advance(100);
  assertEquals(applied(b), OFF, "idle");
  const armed = rig.reactor.armed;
  rig.advance(1000);
  assertEquals(rig.reactor.armed, armed, "an idle interface needs no timer");
  for (let i = 0; i < 6; i++) burst();
  assertEquals(applied(b), { rxUsecs: 256, rxFrames: 64 }, "again");
  // A period ends before a short receive queue is full.
  b.link.setReceiveQueueSize(32);
  assertEquals(applied(b), { rxUsecs: 256, rxFrames: 8 });
  moderation.set({ adaptive: false });
  assertEquals(applied(b), { rxUsecs: 8, rxFrames: 0 });
  rig.advance(1000);
  assertEquals(applied(b), { rxUsecs: 8, rxFrames: 0 });
  rig.check();
});
