/** Each thing that an interface may have to wait for: one sentence in its state and in the log, and the way out of it. */

import { assert, assertEquals } from "@std/assert";
import { IpoibError } from "../../src/base/errors.ts";
import type { PortAttributes } from "../../src/hca/hca.ts";
import { MadStatus } from "../../src/wire/mad.ts";
import { type Host, logLines, Rig } from "./rig.ts";
import { ScriptedSa } from "./scripted_sa.ts";

const GROUP = "broadcast group ff12:401b:8001::ffff:ffff";
const ACTIVE = { state: "active", lid: 5, smLid: 1 } as const;

/** A port of partition 0x8001 that is active, and what its administrator answers to joins. */
function start(
  joinStatus: number | undefined,
  attributes: Partial<PortAttributes> = ACTIVE,
): { rig: Rig; sa: ScriptedSa; host: Host } {
  const rig = new Rig(false);
  const sa = new ScriptedSa(rig);
  sa.joinStatus = () => joinStatus;
  const host = rig.host({ register: false, state: "down", pkeys: [0x8001] });
  logLines.length = 0;
  host.port.emit({ type: "port_active" }, attributes);
  rig.settle();
  return { rig, sa, host };
}

/** The state now, and how often it stands in the log. */
function said(host: Host): [string, number] {
  const line = `ib1: ${host.link.state}`;
  return [host.link.state, logLines.filter((each) => each === line).length];
}

function runs(rig: Rig, host: Host): void {
  rig.advance(20_000);
  assertEquals([host.link.state, host.netdev.carrier], ["running", true]);
  rig.check();
}

const portStates = [
  { name: "the subnet manager", state: "init", says: "the subnet manager" },
  { name: "a cable", state: "down", says: "the port, which is down" },
  { name: "an armed port", state: "armed", says: "the port, which is armed" },
] as const;

for (const { name, state, says } of portStates) {
  Deno.test(`waiting for ${name} is said, ends, and is said again`, () => {
    const { rig, host } = start(0, { state });
    const expected = `waiting for ${says}`;
    // A port that was down is not told of twice.
    const first = state === "down" ? 0 : 1;
    assertEquals(said(host), [expected, first]);
    host.port.emit({ type: "port_active" }, ACTIVE);
    runs(rig, host);
    host.port.emit({ type: "port_error" }, { state });
    assertEquals([...said(host), host.netdev.carrier], [
      expected,
      first + 1,
      false,
    ]);
    host.port.emit({ type: "port_active" }, ACTIVE);
    runs(rig, host);
  });
}

Deno.test("an active port without a subnet manager waits for it", () => {
  const { rig, host } = start(undefined, { ...ACTIVE, smLid: 0 });
  assertEquals(said(host), ["waiting for the subnet manager", 1]);
  rig.advance(30_000);
  assertEquals(said(host), ["waiting for the subnet manager", 1]);
  host.port.emit({ type: "sm_change" }, { smLid: 1 });
  assert(host.link.state !== "waiting for the subnet manager");
});

Deno.test("waiting for a P_Key is said, ends, and is said again", () => {
  const rig = new Rig(false);
  new ScriptedSa(rig);
  const host = rig.host({ register: false, ...ACTIVE, pkeys: [0x8001] });
  runs(rig, host);
  const expected = "waiting for P_Key 0x8001 in the port's table";
  for (const times of [1, 2]) {
    host.port.emit({ type: "pkey_change" }, { pkeys: [] });
    assertEquals([...said(host), host.netdev.carrier], [
      expected,
      times,
      false,
    ]);
    host.port.emit({ type: "pkey_change" }, { pkeys: [0x8001] });
    runs(rig, host);
  }
});

const refusals: [number, string][] = [
  [
    MadStatus.InsufficientComponents,
    `${GROUP} does not exist in partition 0x8001`,
  ],
  [MadStatus.NoRecords, `${GROUP} does not exist in partition 0x8001`],
  [
    MadStatus.RequestInvalid,
    `${GROUP} does not exist in partition 0x8001, or this port may not join it`,
  ],
  [
    MadStatus.RequestDenied,
    `this port may not join ${GROUP} in partition 0x8001`,
  ],
  [
    MadStatus.InvalidGid,
    `the subnet administrator does not know fe80::2:c903:0:1, which is to join ${GROUP}`,
  ],
  [
    MadStatus.UnsupportedMethodAttribute,
    `there is no subnet administrator at SM LID 1 to join ${GROUP}`,
  ],
  [
    MadStatus.NoResources,
    `the subnet administrator refuses the join of ${GROUP} with status 0x0100 (no resources)`,
  ],
];

for (const [status, sentence] of refusals) {
  const code = status.toString(16).padStart(4, "0");
  Deno.test(`a join that is refused with 0x${code} says what that means`, () => {
    const { rig, sa, host } = start(status);
    assertEquals(said(host), [sentence, 1]);
    rig.advance(60_000);
    assertEquals(said(host), [sentence, 1], "the same sentence once");
    sa.joinStatus = () => 0;
    runs(rig, host);
  });
}

Deno.test("an administrator that does not answer is said once it is known, and forgotten when it does", () => {
  const { rig, sa, host } = start(undefined);
  assertEquals(said(host), [`waiting to join the ${GROUP}`, 1]);
  rig.advance(3300);
  const sentence =
    `the subnet administrator does not answer the join of ${GROUP} (SM LID 1)`;
  assertEquals(said(host), [sentence, 1]);
  // From silence to a refusal.
  sa.joinStatus = () => MadStatus.InsufficientComponents;
  rig.advance(5000);
  assertEquals(said(host)[0], `${GROUP} does not exist in partition 0x8001`);
  sa.joinStatus = () => 0;
  runs(rig, host);
});

Deno.test("a device that cannot attach to the group says so, and tries again", () => {
  const { rig, host } = start(undefined);
  const qp = host.port.qps.get(host.link.qpn)!;
  qp.attachMulticast = () => {
    throw new IpoibError("E_VERBS", "No memory", { errno: 12 });
  };
  const sa = new ScriptedSa(rig);
  rig.advance(300);
  assertEquals(said(host), [
    `${GROUP} cannot be used by this port (error 12)`,
    1,
  ]);
  assert(logLines.some((line) => line.includes("status -12")));
  const asked = sa.take().length;
  rig.advance(1999);
  assertEquals(sa.take().length, 0);
  Reflect.deleteProperty(qp, "attachMulticast");
  rig.advance(1);
  assertEquals([asked, sa.take().length], [1, 2]);
  runs(rig, host);
});
