/** Connections of other hosts: acceptance, refusal, replacement, and idle ones. */

import { assert, assertEquals } from "@std/assert";
import {
  PASSIVE_CHECK_MS,
  PASSIVE_IDLE_MS,
} from "../../../src/ipoib/constants.ts";
import type { ConnectionEnd } from "../../../src/cm/events.ts";
import { CmAttribute } from "../../../src/wire/cm/cm_mad.ts";
import { MadView } from "../../../src/wire/mad.ts";
import { rfcServiceId } from "../../../src/wire/cm/service_id.ts";
import { ConnectionData } from "../../../src/wire/connection_data.ts";
import { PathRecord } from "../../../src/wire/sa/path_record.ts";
import type { Host } from "../rig.ts";
import {
  connectedPair,
  connectionOf,
  counted,
  frameOf,
  rcQp,
  reaches,
} from "./support.ts";

const PKEY = 0xffff;
/** QPN of the next request. */
let qpn = 0x900;

/** Sends a request from one host to the other, past the engine. Returns how the attempt ended. */
function request(
  from: Host,
  to: Host,
  { udQpn = 0x700, pkey = PKEY } = {},
): ConnectionEnd[] {
  const ends: ConnectionEnd[] = [];
  const connection = from.connections.connect({
    serviceId: rfcServiceId(to.link.qpn),
    path: PathRecord.of({
      dgid: to.port.attributes.gid,
      sgid: from.port.attributes.gid,
      dlid: to.port.attributes.lid,
      slid: from.port.attributes.lid,
      pkey,
      mtu: 4,
      rate: 16,
      lifetime: 18,
    }),
    pkeyIndex: 0,
    qpn: qpn++,
    startingPsn: 5,
    privateData: ConnectionData.emit({ qpn: udQpn, mtu: 65_524 }),
    timeout: 1000,
  }, {
    onReply: () => connection.confirm(),
    onEnd: (end) => ends.push(end),
  });
  from.rig.settle();
  return ends;
}

Deno.test("a request for the service ID of RFC 4755 is accepted", () => {
  const { rig, a, b } = connectedPair();
  assertEquals(request(a, b), []);
  const { remote } = rcQp(b);
  assertEquals([remote!.destQpn, remote!.sendPsn], [qpn - 1, 5]);
  rig.check();
});

Deno.test("a second request from a link-layer address replaces the first connection", () => {
  const { rig, a, b } = connectedPair();
  const first = request(a, b);
  const qp = rcQp(b);
  assertEquals(request(a, b), []);
  assertEquals(first, [{ why: "disconnected" }]);
  assertEquals([qp.state, rcQp(b) !== qp], ["closed", true]);
  assertEquals(counted(b), { connections_accepted: 2 });
  rig.check();
});

/** Advances the clock by `ms`, and sends a packet every 10 s. */
function sendFor(host: Host, ms: number): void {
  for (let passed = 0; passed < ms; passed += 10_000) {
    host.send(frameOf(100));
    host.rig.advance(10_000);
  }
}

Deno.test("at the limit a new connection replaces the least recently used one, which is disconnected", () => {
  const { rig, a, b } = connectedPair({ maxConnections: 2 });
  assert(reaches(a, b));
  const silent = request(a, b, { udQpn: 0x701 });
  sendFor(a, 60_000);
  assertEquals(request(a, b, { udQpn: 0x702 }), []);
  assertEquals(silent, [{ why: "disconnected" }]);
  assertEquals(connectionOf(a).state, "established");
  assertEquals(b.link.connected.passive!.size, 2);
  assertEquals(counted(b), { connections_accepted: 3, connections_evicted: 1 });
  rig.check();
});

Deno.test("at the limit connections in use are replaced one in 100 ms; requests between are refused", () => {
  const { rig, a, b } = connectedPair({ maxConnections: 2 });
  const first = request(a, b, { udQpn: 0x701 });
  const second = request(a, b, { udQpn: 0x702 });
  assertEquals(request(a, b, { udQpn: 0x703 }), []);
  assertEquals(request(a, b, { udQpn: 0x704 }), [
    { why: "rejected", reason: 1 },
  ]);
  assertEquals([first, second], [[{ why: "disconnected" }], []]);
  rig.advance(100);
  assertEquals(request(a, b, { udQpn: 0x704 }), []);
  assertEquals(second, [{ why: "disconnected" }]);
  assertEquals(counted(b), {
    connections_accepted: 4,
    connections_refused: 1,
    connections_evicted: 2,
  });
  rig.check();
});

Deno.test("at the limit a second request from a link-layer address replaces only its own connection", () => {
  const { rig, a, b } = connectedPair({ maxConnections: 2 });
  const other = request(a, b, { udQpn: 0x701 });
  const own = request(a, b, { udQpn: 0x702 });
  assertEquals(request(a, b, { udQpn: 0x702 }), []);
  assertEquals([other, own], [[], [{ why: "disconnected" }]]);
  rig.check();
});

Deno.test("an interface with a limit of 0 refuses all requests", () => {
  const { rig, a, b } = connectedPair({ maxConnections: 0 });
  assertEquals(request(a, b), [{ why: "rejected", reason: 1 }]);
  assertEquals(counted(b), { connections_refused: 1 });
  rig.check();
});

Deno.test("a request ends the silent connections of its port under other QPNs, as left by a host that has restarted", () => {
  const { rig, a, b } = connectedPair();
  const c = rig.host({ connections: true, mode: "connected" });
  assert(reaches(a, b));
  const left = request(a, b, { udQpn: 0x701 });
  const ofOtherPort = request(c, b, { udQpn: 0x701 });
  sendFor(a, 110_000);
  const recent = request(a, b, { udQpn: 0x702 });
  assertEquals(left, []);
  sendFor(a, 10_000);
  assertEquals(request(a, b, { udQpn: 0x703 }), []);
  assertEquals(left, [{ why: "disconnected" }]);
  assertEquals([ofOtherPort, recent], [[], []]);
  assertEquals(connectionOf(a).state, "established");
  assertEquals(counted(b), { connections_accepted: 5, connections_idle: 1 });
  rig.check();
});

Deno.test("a connection replaces the least recently used one if the device has no more queue pairs", () => {
  const { rig, a, b } = connectedPair();
  const first = request(a, b, { udQpn: 0x701 });
  const second = request(a, b, { udQpn: 0x702 });
  b.port.maxRcQps = 2;
  assertEquals(request(a, b, { udQpn: 0x703 }), []);
  assertEquals([first, second], [[{ why: "disconnected" }], []]);
  rig.check();
});

Deno.test("requests of another partition, or without a free queue pair are refused", () => {
  const { rig, a, b } = connectedPair();
  assertEquals(request(a, b, { pkey: 0x8001 }), [
    { why: "rejected", reason: 28 },
  ]);
  b.port.maxRcQps = 0;
  assertEquals(request(a, b), [{ why: "rejected", reason: 1 }]);
  assertEquals(b.port.rcQps.size, 0);
  rig.check();
});

Deno.test("a connection ends with its queue pair", () => {
  const { rig, a, b } = connectedPair();
  const ends = request(a, b);
  rcQp(b).fail("remote_error");
  rig.settle();
  assertEquals([ends, b.port.rcQps.size], [[{ why: "disconnected" }], 0]);
  rig.check();
});

Deno.test("a connection without messages for 512 s ends within the next 256 s; one with messages stays", () => {
  const { rig, a, b } = connectedPair();
  assert(reaches(a, b));
  rig.advance(50_000);
  const idle = request(a, b);
  sendFor(a, PASSIVE_IDLE_MS);
  assertEquals(idle, []);
  sendFor(a, PASSIVE_CHECK_MS);
  assertEquals(idle, [{ why: "disconnected" }]);
  assertEquals(b.link.connected.passive!.size, 1);
  assertEquals(counted(b).connections_idle, 1);
  rig.check();
});

Deno.test("a connection in use stays although its RTU is lost", () => {
  const { rig, a, b } = connectedPair();
  const { onMad } = rig.fabric;
  rig.fabric.onMad = (from, mad, to) => {
    if (MadView.of(mad).attributeId !== CmAttribute.Rtu) onMad(from, mad, to);
  };
  for (let seconds = 0; seconds < 120; seconds++) {
    a.send(frameOf(100));
    rig.advance(1000);
  }
  assertEquals([counted(a), counted(b)], [
    { connections_opened: 1 },
    { connections_accepted: 1 },
  ]);
  rig.check();
});
