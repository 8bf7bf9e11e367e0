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

/** What a port was last told. */
function told(port: RigPort): FaultSettings | undefined {
  return port.messages.findLast((m) => m.type === "faults")?.settings;
}

function take(rig: Rig, port: RigPort): void {
  const { version } = told(port)!;
  rig.toManager(
    port.connection,
    encodeControl({ type: "faults_taken", version }),
  );
  rig.pump();
}

Deno.test("SubnetManager.setFault() tells every port, and newcomers after their welcome", () => {
  const rig = new Rig();
  const a = rig.join(1);
  assertEquals(told(a), undefined);
  rig.manager.setFault({ seed: 7, drop: 20 });
  rig.pump();
  const expected = {
    version: 1,
    rules: [{ seed: 7, drop: 20, since: 1 }],
  };
  assertEquals(told(a), expected);
  const b = rig.join(2);
  assertEquals(told(b), expected);
  const types = b.messages.map((m) => m.type);
  assertEquals(types.indexOf("welcome") < types.indexOf("faults"), true);
  // The older port is not told again.
  assertEquals(a.messages.filter((m) => m.type === "faults").length, 1);
});

Deno.test("SubnetManager.setFault() replaces the rule of the same port alone", () => {
  const rig = new Rig();
  const a = rig.join(1);
  rig.manager.setFault({ seed: 1, drop: 20 });
  rig.manager.setFault({ seed: 2, port: guidOf(1), delay: 5 });
  rig.manager.setFault({ seed: 3, port: guidOf(2), delay: 6 });
  rig.manager.setFault({ seed: 4, port: guidOf(1), delay: 7 });
  rig.pump();
  assertEquals(told(a)?.version, 4);
  assertEquals(ruleFor(told(a)!, guidOf(1))?.seed, 4);
  assertEquals(ruleFor(told(a)!, guidOf(2))?.seed, 3);
  assertEquals(ruleFor(told(a)!, guidOf(3))?.seed, 1);
  rig.manager.clearFaults(guidOf(1));
  rig.pump();
  assertEquals(ruleFor(told(a)!, guidOf(1))?.seed, 1);
  rig.manager.clearFaults();
  rig.pump();
  assertEquals(told(a), { version: 6, rules: [] });
});

Deno.test("SubnetManager knows which ports have taken the faults", () => {
  const rig = new Rig();
  const [a, b] = [rig.join(1), rig.join(2)];
  assertEquals(rig.manager.portsWithoutFaults(), []);
  rig.manager.setFault({ seed: 1 });
  rig.pump();
  const missing = () => rig.manager.portsWithoutFaults().map((p) => p.name);
  assertEquals(missing(), ["ib1", "ib2"]);
  take(rig, a);
  assertEquals(missing(), ["ib2"]);
  rig.manager.setFault({ seed: 2 });
  take(rig, b);
  // That was a word about the settings before.
  rig.pump();
  assertEquals(missing(), ["ib1", "ib2"]);
  take(rig, b);
  assertEquals(missing(), ["ib1"]);
  rig.leave(a);
  assertEquals(missing(), []);
});

Deno.test("SubnetManager.setFault() has an end of rules, but none of changes", () => {
  const rig = new Rig();
  for (let i = 0; i < MAX_RULES; i++) {
    rig.manager.setFault({
      seed: 1,
      port: `0x${i.toString(16).padStart(16, "0")}`,
    });
  }
  rig.manager.setFault({ seed: 2, port: "0x0000000000000000" });
  const error = assertThrows(() => rig.manager.setFault({ seed: 3 }));
  assertEquals((error as IpoibError).code, "E_FAULT_RULES");
});

Deno.test("Faults survive a takeover: the next manager has those that its host's port follows", () => {
  const old = new Rig();
  const a = old.join(1);
  old.manager.setFault({ seed: 1, drop: 10 });
  old.pump();
  const before = told(a)!;
  const rig = new Rig({ previous: a.lastKnown(), now: 0 });
  assertEquals(told(rig.join(1, { lid: a.welcome.lid })), before);
  const stranger = rig.join(3);
  assertEquals(told(stranger), before);
  rig.manager.setFault({ seed: 5 });
  assertEquals(rig.manager.faults.version, before.version + 1);
});

Deno.test("no port can set faults, and clearing them always works", () => {
  const rig = new Rig();
  const port = rig.join(1);
  const rules = [{ seed: 1, drop: 100, since: 1 }];
  // As hellos of earlier versions could.
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
  assertEquals(rig.manager.faults, NO_FAULTS);
  rig.manager.setFault({ seed: 1, drop: 1 });
  rig.manager.clearFaults();
  rig.pump();
  assertEquals(told(port), { version: 2, rules: [] });
});

Deno.test("versions of faults begin anew after the last one", () => {
  const last = { version: MAX_VERSION, rules: [] };
  const rig = new Rig({ previous: { ports: [], groups: [], faults: last } });
  rig.manager.setFault({ seed: 1, drop: 1 });
  const port = rig.join(1);
  assertEquals(told(port), {
    version: 1,
    rules: [{ seed: 1, drop: 1, since: 1 }],
  });
  take(rig, port);
  assertEquals(rig.manager.portsWithoutFaults(), []);
});

Deno.test("Fault settings of any content pass through a frame unchanged", () => {
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
    rig.manager.setFault(request);
    rig.pump();
    // JSON has no negative zero.
    const expected = JSON.parse(JSON.stringify({ ...request, since: 1 }));
    assertEquals(told(port)?.rules, [expected]);
  }));
});
