/** Conditions that an interface waits for: state text, log line, and recovery. */

import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../src/base/errno.ts";
import { IpoibError } from "../../src/base/errors.ts";
import { mcgRecords } from "../../src/daemon/records/mcg_record.ts";
import type { PortAttributes } from "../../src/hca/port_attributes.ts";
import { MadStatus } from "../../src/wire/mad.ts";
import { type Host, logLines, Rig } from "./rig.ts";
import { ScriptedSa } from "./scripted_sa.ts";

const MGID = "ff12:401b:8001::ffff:ffff";
const GROUP = `broadcast group ${MGID}`;
const ACTIVE = { state: "active", lid: 5, smLid: 1 } as const;

/** Creates a host in partition 0x8001 and emits port_active; `joinStatus` is the status of the responses to joins. */
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

/** Returns the current state and how often it was logged. */
function stateAndLogCount(host: Host): [string, number] {
  const line = `ib1: ${host.link.state}`;
  return [host.link.state, logLines.filter((each) => each === line).length];
}

function assertRuns(rig: Rig, host: Host): void {
  rig.advance(20_000);
  assertEquals([host.link.state, host.netdev.carrier], ["running", true]);
  rig.check();
}

const portStates = [
  { state: "init", cause: "the subnet manager" },
  { state: "down", cause: "the port (down)" },
  { state: "armed", cause: "the port (armed)" },
] as const;

for (const { state, cause } of portStates) {
  Deno.test(`an interface on a port in state ${state} waits for ${cause}, and logs it each time`, () => {
    const { rig, host } = start(0, { state });
    const expected = `waiting for ${cause}`;
    // The initial state of the port is "down", so there is no state change to log.
    const first = state === "down" ? 0 : 1;
    assertEquals(stateAndLogCount(host), [expected, first]);
    host.port.emit({ type: "port_active" }, ACTIVE);
    assertRuns(rig, host);
    host.port.emit({ type: "port_error" }, { state });
    assertEquals([...stateAndLogCount(host), host.netdev.carrier], [
      expected,
      first + 1,
      false,
    ]);
    host.port.emit({ type: "port_active" }, ACTIVE);
    assertRuns(rig, host);
  });
}

Deno.test("an active port without a subnet manager waits for it", () => {
  const { rig, host } = start(undefined, { ...ACTIVE, smLid: 0 });
  assertEquals(stateAndLogCount(host), ["waiting for the subnet manager", 1]);
  rig.advance(30_000);
  assertEquals(stateAndLogCount(host), ["waiting for the subnet manager", 1]);
  host.port.emit({ type: "sm_change" }, { smLid: 1 });
  assert(host.link.state !== "waiting for the subnet manager");
});

Deno.test("an interface waits for its P_Key, and logs it each time", () => {
  const rig = new Rig(false);
  new ScriptedSa(rig);
  const host = rig.host({ register: false, ...ACTIVE, pkeys: [0x8001] });
  assertRuns(rig, host);
  const expected =
    "waiting for a P_Key: index 0 is empty (the table has 0 entries)";
  for (const times of [1, 2]) {
    host.port.emit({ type: "pkey_change" }, { pkeys: [] });
    assertEquals([...stateAndLogCount(host), host.netdev.carrier], [
      expected,
      times,
      false,
    ]);
    host.port.emit({ type: "pkey_change" }, { pkeys: [0x8001] });
    assertRuns(rig, host);
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
    `the subnet administrator does not recognize port GID fe80::2:c903:0:1 in the join of ${GROUP}`,
  ],
  [
    MadStatus.UnsupportedMethodAttribute,
    `no subnet administrator at SM LID 1 for the join of ${GROUP}`,
  ],
  [
    MadStatus.NoResources,
    `the subnet administrator refuses the join of ${GROUP} with status 0x0100 (no resources)`,
  ],
];

for (const [status, sentence] of refusals) {
  const code = status.toString(16).padStart(4, "0");
  Deno.test(`the state explains a join that is refused with status 0x${code}`, () => {
    const { rig, sa, host } = start(status);
    assertEquals(stateAndLogCount(host), [sentence, 1]);
    rig.advance(60_000);
    assertEquals(
      stateAndLogCount(host),
      [sentence, 1],
      "an unchanged state is logged once",
    );
    sa.joinStatus = () => 0;
    assertRuns(rig, host);
  });
}

Deno.test("the state names an administrator that does not respond, until it responds", () => {
  const { rig, sa, host } = start(undefined);
  assertEquals(stateAndLogCount(host), [`waiting to join the ${GROUP}`, 1]);
  rig.advance(3300);
  const sentence =
    `the subnet administrator does not answer the join of ${GROUP} (SM LID 1)`;
  assertEquals(stateAndLogCount(host), [sentence, 1]);
  // The administrator now responds with a refusal.
  sa.joinStatus = () => MadStatus.InsufficientComponents;
  rig.advance(5000);
  assertEquals(
    stateAndLogCount(host)[0],
    `${GROUP} does not exist in partition 0x8001`,
  );
  sa.joinStatus = () => 0;
  assertRuns(rig, host);
});

Deno.test("the state names a device that refuses MADs, with the errno of the last one, until it sends them", () => {
  const { rig, host } = start(0);
  host.port.madErrno = Errno.EINVAL;
  host.port.emit({ type: "port_active" });
  rig.advance(3300);
  const refused = "the device refuses MADs: Invalid argument";
  assertEquals(stateAndLogCount(host), [refused, 1]);
  const failure = `multicast join failed for ${MGID}, status -22: ${refused}`;
  assert(logLines.some((line) => line.includes(failure)), logLines.join("\n"));
  const group = mcgRecords(host.link, rig.reactor.clock.now())
    .find(({ mgid }) => mgid.endsWith(":ffff:ffff"));
  assertEquals([group!.error, group!.reason], ["status -22", refused]);
  // Its errno may also be that of a request without an answer.
  host.port.madErrno = Errno.ETIMEDOUT;
  rig.advance(8000);
  assertEquals(
    stateAndLogCount(host),
    ["the device refuses MADs: Connection timed out", 1],
  );
  host.port.madErrno = 0;
  assertRuns(rig, host);
});

Deno.test("the state names a failure to attach to the group, and the join is retried", () => {
  const { rig, host } = start(undefined);
  const qp = host.port.qps.get(host.link.qpn)!;
  qp.attachMulticast = () => {
    throw new IpoibError("E_VERBS", "No memory", { errno: 12, hint: "HINT" });
  };
  const sa = new ScriptedSa(rig);
  rig.advance(300);
  assertEquals(stateAndLogCount(host), [
    `the join of ${GROUP} fails on this port: Cannot allocate memory (HINT)`,
    1,
  ]);
  const failure = `multicast join failed for ${MGID}, status -12: HINT`;
  assert(logLines.some((line) => line.includes(failure)), logLines.join("\n"));
  const joins = sa.take().length;
  rig.advance(1999);
  assertEquals(sa.take().length, 0);
  Reflect.deleteProperty(qp, "attachMulticast");
  rig.advance(1);
  assertEquals([joins, sa.take().length], [1, 2]);
  assertRuns(rig, host);
});
