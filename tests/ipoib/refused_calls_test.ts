/** Calls that the device refuses: each call of a scenario is refused once, and the interfaces recover. */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
} from "@std/assert";
import { Errno } from "../../src/base/errno.ts";
import { IpoibError } from "../../src/base/errors.ts";
import type { FakeCall } from "../../src/hca/fake_transport.ts";
import { reaches } from "./connected/support.ts";
import { refuseQueuePairs } from "./refused_queue_pair.ts";
import { type HostOptions, ip, logLines, Rig } from "./rig.ts";

const GROUP = "239.1.2.3";
/** Longer than the longest backoff and than the time for which a refused connection is not tried again. */
const RECOVERY_MS = 120_000;
/** A packet that fits the UD queue pair, and one that needs a connection. */
const SHORT = 100;
const LONG = 5000;

/** The options of a run: those of the first host, and the modes of both. */
type Mode = "datagram" | "connected";

/**
 * Runs through the life of an interface and of a child: start, traffic, a group, client reregister, a port error, a P_Key
 * at another index, a lost device, a child that comes and goes. `onCall` is called before each call of the first host's device.
 */
function run(mode: Mode, onCall: (call: FakeCall) => void): Rig {
  const rig = new Rig();
  const options: HostOptions = {
    connections: true,
    ...(mode === "connected" ? { mode } : {}),
  };
  const a = rig.host({ address: "10.0.0.1", ...options, onCall });
  const b = rig.host({ address: "10.0.0.2", ...options });
  const lengths = mode === "connected" ? [SHORT, LONG] : [SHORT];
  const recover = () => rig.advance(RECOVERY_MS);
  const work = (what: string) => {
    recover();
    for (const { state, name } of a.device.interfaces()) {
      assertEquals(state, "running", `${name} after ${what}`);
    }
    for (const length of lengths) {
      if (reaches(a, b, length)) continue;
      // The packet has met the refusal, for example of a connection.
      recover();
      assert(reaches(a, b, length), `${length} bytes after ${what}`);
    }
  };
  work("the start");
  try {
    a.link.moderation.set({ rxUsecs: 16 });
  } catch (error) {
    // Refused to the user.
    assertInstanceOf(error, IpoibError);
  }
  const child = a.device.createChild(0x8001);
  child.netdev.change({ up: true });
  work("a new child");
  a.netdev.config.join(ip(GROUP));
  work("a join");
  // The broadcast group, that of all hosts, and the new one.
  const joined = a.link.groups.entries().filter(({ attached }) => attached);
  assertEquals(joined.length, 3);
  a.port.emit({ type: "client_reregister" });
  work("a client reregister");
  a.port.emit({ type: "port_error" }, { state: "down" });
  a.port.emit({ type: "port_active" }, { state: "active" });
  work("a port error");
  a.port.emit({ type: "pkey_change" }, { pkeys: [0xffff, 0x8002, 0x8001] });
  work("a change of the P_Key table");
  a.port.deviceExists = () => true;
  a.port.lose(rig.reactor, "it was removed");
  work("a loss of the device");
  a.device.removeChild(child);
  work("the removal of the child");
  rig.check();
  return rig;
}

for (const mode of ["datagram", "connected"] as const) {
  Deno.test(`each call of the device may be refused once, in ${mode} mode: interface and child recover`, () => {
    const calls: FakeCall[] = [];
    run(mode, (call) => void calls.push(call));
    assert(calls.length > 20, `${calls.length} calls`);
    for (const [refused, expected] of calls.entries()) {
      let count = 0;
      run(mode, (call) => {
        if (count++ !== refused) return;
        assertEquals(call, expected);
        throw new IpoibError("E_VERBS", `Cannot ${call}: the device is full`, {
          errno: Errno.ENOMEM,
        });
      });
      assert(count > refused);
    }
  });
}

Deno.test("a refused queue pair is a state of the interface, and is tried again after 2, 4, 8, 16 and 16 s", () => {
  const tries: number[] = [];
  const rig = new Rig();
  let refused = true;
  const host = rig.host({
    onCall: (call) => {
      if (call !== "createUdQp") return;
      tries.push(rig.reactor.clock.now());
      if (!refused) return;
      throw new IpoibError("E_VERBS", "Cannot create a queue pair", {
        errno: Errno.ENOMEM,
        hint: "close some",
      });
    },
  });
  assertEquals(
    host.link.state,
    "the device refuses a queue pair: Cannot allocate memory (close some)",
  );
  assertEquals([host.link.qpn, host.link.carrier], [0, false]);
  rig.advance(50_000);
  const pauses = tries.slice(1).map((at, i) => at - tries[i]!);
  assertEquals(pauses, [2000, 4000, 8000, 16_000, 16_000]);
  refused = false;
  rig.advance(16_000);
  assertEquals(host.link.state, "running");
  rig.advance(60_000);
  assertEquals(tries.length, 7);
});

Deno.test("a child without a queue pair leaves the parent and another child alone", () => {
  const rig = new Rig();
  let refused = false;
  const onCall = refuseQueuePairs(() => refused);
  const a = rig.host({ address: "10.0.0.1", onCall });
  const b = rig.host({ address: "10.0.0.2" });
  const [first, second] = [0x8001, 0x8002].map((pkey) => {
    refused = pkey === 0x8002;
    const child = a.device.createChild(pkey);
    child.netdev.change({ up: true });
    return child;
  });
  rig.advance(3000);
  assertEquals([a.link.state, first!.state], ["running", "running"]);
  assertMatch(second!.state, /^the device refuses a queue pair/);
  assert(reaches(a, b, SHORT));
  a.device.removeChild(second!);
  rig.advance(60_000);
  rig.check();
});

Deno.test("a queue pair that fails for good is replaced by another one", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  assert(reaches(a, b, SHORT));
  const [qp] = a.port.qps.values();
  qp!.onFailure(
    new IpoibError("E_VERBS", "Cannot modify queue pair 0x48", {
      errno: Errno.EIO,
    }),
  );
  rig.settle();
  assertEquals(qp!.closed, true);
  assertEquals(
    a.link.state,
    "the device refuses to restart the queue pair: Input/output error",
  );
  rig.advance(2000);
  assertEquals(a.link.state, "running");
  assert(a.link.qpn !== qp!.qpn);
  rig.advance(1000);
  assert(reaches(a, b, SHORT));
  rig.check();
});

Deno.test("a refused Q_Key fails the join of the broadcast group, with the reason and the remedy", () => {
  const rig = new Rig();
  let refused = true;
  const host = rig.host({
    onCall: (call) => {
      if (!refused || call !== "setQkey") return;
      throw new IpoibError("E_VERBS", "Cannot modify queue pair 0x48", {
        errno: Errno.EPERM,
        hint: "run with the capability CAP_NET_RAW",
      });
    },
  });
  assertMatch(
    host.link.state,
    /^the join of broadcast group ff12:.* fails on this port: Operation not permitted \(run with the capability CAP_NET_RAW\)$/,
  );
  assertEquals(host.link.groups.ready, false);
  assert(logLines.some((line) => line.includes("Operation not permitted")));
  refused = false;
  rig.advance(2000);
  assertEquals(host.link.state, "running");
});
