import { assertEquals, assertThrows } from "@std/assert";
import type { IpoibError } from "../../src/base/errors.ts";
import fc from "fast-check";
import {
  type FaultSettings,
  MAX_RULES,
  MAX_VERSION,
  NO_FAULTS,
  ruleFor,
} from "../../src/subnet/fault_messages.ts";
import { PROTOCOL_VERSION } from "../../src/subnet/messages.ts";
import { encodeControl } from "../../src/subnet/protocol.ts";
import { guidOf, Rig, type RigPort, secretOf } from "./rig.ts";

/** Returns the last settings that a port has received. */
function settingsOf(port: RigPort): FaultSettings | undefined {
  return port.messages.findLast((m) => m.type === "faults")?.settings;
}

/** Confirms the last settings that a port has received. */
function confirm(rig: Rig, port: RigPort): void {
  const { version } = settingsOf(port)!;
  rig.toManager(
    port.connection,
    encodeControl({ type: "faults_taken", version }),
  );
  rig.pump();
}

Deno.test("FaultExchange.set() sends the settings to all ports, and to new ports after their welcome", () => {
  const rig = new Rig();
  const a = rig.join(1);
  assertEquals(settingsOf(a), undefined);
  rig.manager.faults.set({ seed: 7, drop: 20 });
  rig.pump();
  const expected = {
    version: 1,
    rules: [{ seed: 7, drop: 20, since: 1 }],
  };
  assertEquals(settingsOf(a), expected);
  const b = rig.join(2);
  assertEquals(settingsOf(b), expected);
  const types = b.messages.map((m) => m.type);
  assertEquals(types.indexOf("welcome") < types.indexOf("faults"), true);
  // The first port does not receive them a second time.
  assertEquals(a.messages.filter((m) => m.type === "faults").length, 1);
});

Deno.test("FaultExchange.set() replaces only the rule of the same port", () => {
  const rig = new Rig();
  const a = rig.join(1);
  rig.manager.faults.set({ seed: 1, drop: 20 });
  rig.manager.faults.set({ seed: 2, port: guidOf(1), delay: 5 });
  rig.manager.faults.set({ seed: 3, port: guidOf(2), delay: 6 });
  rig.manager.faults.set({ seed: 4, port: guidOf(1), delay: 7 });
  rig.pump();
  assertEquals(settingsOf(a)?.version, 4);
  assertEquals(ruleFor(settingsOf(a)!, guidOf(1))?.seed, 4);
  assertEquals(ruleFor(settingsOf(a)!, guidOf(2))?.seed, 3);
  assertEquals(ruleFor(settingsOf(a)!, guidOf(3))?.seed, 1);
  rig.manager.faults.clear(guidOf(1));
  rig.pump();
  assertEquals(ruleFor(settingsOf(a)!, guidOf(1))?.seed, 1);
  rig.manager.faults.clear();
  rig.pump();
  assertEquals(settingsOf(a), { version: 6, rules: [] });
});

Deno.test("FaultExchange.unconfirmed() returns the ports that have not confirmed the current settings", () => {
  const rig = new Rig();
  const [a, b] = [rig.join(1), rig.join(2)];
  assertEquals(rig.manager.faults.unconfirmed(), []);
  rig.manager.faults.set({ seed: 1 });
  rig.pump();
  const missing = () => rig.manager.faults.unconfirmed().map((p) => p.name);
  assertEquals(missing(), ["ib1", "ib2"]);
  confirm(rig, a);
  assertEquals(missing(), ["ib2"]);
  rig.manager.faults.set({ seed: 2 });
  confirm(rig, b);
  // The confirmation was for the previous settings.
  rig.pump();
  assertEquals(missing(), ["ib1", "ib2"]);
  confirm(rig, b);
  assertEquals(missing(), ["ib1"]);
  rig.leave(a);
  assertEquals(missing(), []);
});

Deno.test("FaultExchange.set() throws for a rule beyond the maximum, but not for a change of a rule", () => {
  const rig = new Rig();
  for (let i = 0; i < MAX_RULES; i++) {
    rig.manager.faults.set({
      seed: 1,
      port: `0x${i.toString(16).padStart(16, "0")}`,
    });
  }
  rig.manager.faults.set({ seed: 2, port: "0x0000000000000000" });
  const error = assertThrows(() => rig.manager.faults.set({ seed: 3 }));
  assertEquals((error as IpoibError).code, "E_FAULT_RULES");
});

Deno.test("packet faults survive a takeover with the settings of the new host's port", () => {
  const old = new Rig();
  const a = old.join(1);
  old.manager.faults.set({ seed: 1, drop: 10 });
  old.pump();
  const before = settingsOf(a)!;
  const rig = new Rig({ previous: a.lastKnown(), now: 0 });
  assertEquals(settingsOf(rig.join(1, { lid: a.welcome.lid })), before);
  const stranger = rig.join(3);
  assertEquals(settingsOf(stranger), before);
  rig.manager.faults.set({ seed: 5 });
  assertEquals(rig.manager.faults.settings.version, before.version + 1);
});

Deno.test("a hello cannot set packet faults", () => {
  const rig = new Rig();
  const port = rig.join(1);
  const rules = [{ seed: 1, drop: 100, since: 1 }];
  // Hellos of earlier versions had this member.
  rig.toManager(
    port.connection,
    encodeControl(
      {
        type: "hello",
        version: PROTOCOL_VERSION,
        guid: guidOf(2),
        name: "ib2",
        pid: 1,
        secret: secretOf(2),
        faults: { version: 2 ** 53 - 1, rules },
      } as Parameters<typeof encodeControl>[0],
    ),
  );
  rig.pump();
  assertEquals(rig.manager.faults.settings, NO_FAULTS);
  rig.manager.faults.set({ seed: 1, drop: 1 });
  rig.manager.faults.clear();
  rig.pump();
  assertEquals(settingsOf(port), { version: 2, rules: [] });
});

Deno.test("the version after the maximum is 1", () => {
  const last = { version: MAX_VERSION, rules: [] };
  const rig = new Rig({
    previous: { ports: [], groups: [], faults: last, settings: [] },
  });
  rig.manager.faults.set({ seed: 1, drop: 1 });
  const port = rig.join(1);
  assertEquals(settingsOf(port), {
    version: 1,
    rules: [{ seed: 1, drop: 1, since: 1 }],
  });
  confirm(rig, port);
  assertEquals(rig.manager.faults.unconfirmed(), []);
});

Deno.test("ports receive any valid rule unchanged", () => {
  const rule = fc.record({
    seed: fc.integer({ min: 0, max: 0xffffffff }),
    drop: fc.double({ min: 0, max: 100, noNaN: true }),
    delay: fc.double({ min: 0, max: 60_000, noNaN: true }),
    jitter: fc.integer({ min: 0, max: 60_000 }),
    duplicate: fc.integer({ min: 0, max: 100 }),
    reorder: fc.integer({ min: 0, max: 100 }),
    rate: fc.integer({ min: 1, max: 1_000_000 }),
  }, { requiredKeys: ["seed"] });
  fc.assert(fc.property(rule, (request) => {
    const rig = new Rig();
    const port = rig.join(1);
    rig.manager.faults.set(request);
    rig.pump();
    // JSON has no negative zero.
    const expected = JSON.parse(JSON.stringify({ ...request, since: 1 }));
    assertEquals(settingsOf(port)?.rules, [expected]);
  }));
});
