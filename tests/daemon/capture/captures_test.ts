/** Captures of an interface on the fake fabric, with a real reactor for the sockets of the clients. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { IpoibError } from "../../../src/base/errors.ts";
import { CaptureConnection } from "../../../src/capture/connection.ts";
import { Packet } from "../../../src/capture/packet.ts";
import { RecordKind } from "../../../src/capture/record.ts";
import { Captures } from "../../../src/daemon/capture/captures.ts";
import type { CaptureRecord } from "../../../src/ipc/schema.ts";
import { patient } from "../../../scripts/machine.ts";
import { FakeReactor } from "../../../src/system/fake_reactor.ts";
import { PollReactor } from "../../../src/system/poll_reactor.ts";
import { type Host, ipv4Frame, Rig } from "../../ipoib/rig.ts";

const BYTES = 1 << 18;

/** Runs `test` with a runtime directory of its own. */
async function inRuntimeDirectory(test: () => Promise<void>): Promise<void> {
  const before = Deno.env.get("IPOIB_RUNTIME_DIR");
  const runtime = await Deno.makeTempDir();
  Deno.env.set("IPOIB_RUNTIME_DIR", runtime);
  try {
    await test();
    const left: string[] = [];
    for await (const { name } of Deno.readDir(runtime)) {
      if (name !== "netns") left.push(name);
    }
    assertEquals(left, [], "no socket of a capture remains");
  } finally {
    if (before === undefined) Deno.env.delete("IPOIB_RUNTIME_DIR");
    else Deno.env.set("IPOIB_RUNTIME_DIR", before);
    await Deno.remove(runtime, { recursive: true });
  }
}

function open(): {
  reactor: PollReactor;
  captures: Captures;
  a: Host;
  b: Host;
} {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const reactor = new PollReactor();
  return { reactor, captures: new Captures(reactor, a.port), a, b };
}

/** Connects the client of a capture while the reactor runs. */
async function connect(
  reactor: PollReactor,
  record: CaptureRecord,
): Promise<CaptureConnection> {
  const connection = CaptureConnection.open("ib0", record);
  const end = performance.now() + patient(5000);
  let settled = false;
  void connection.finally(() => settled = true).catch(() => {});
  while (!settled && performance.now() < end) {
    reactor.turn(1);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return await connection;
}

function take({ ring }: CaptureConnection): Packet[] {
  const packets: Packet[] = [];
  for (let at = ring.take(); at >= 0; at = ring.take()) {
    const packet = new Packet();
    assert(packet.load(ring, at));
    packets.push(packet);
    ring.release();
  }
  return packets;
}

Deno.test("a client receives the packets of both edges from the time it has connected", async () => {
  await inRuntimeDirectory(async () => {
    const { reactor, captures, a } = open();
    const send = () => {
      a.netdev.inject(ipv4Frame("10.0.0.1", "10.0.0.2"));
      a.rig.settle();
    };
    send();
    const record = captures.start(a.device.parent, "both", BYTES - 5);
    assertEquals(record.capacity, BYTES);
    using connection = await connect(reactor, record);
    send();
    const packets = take(connection);
    const kinds = new Set(packets.map(({ kind }) => kind));
    assert(kinds.has(RecordKind.Packet) && kinds.has(RecordKind.Frame));
    assertEquals(connection.ended, false);
    captures.close();
    assertEquals(connection.ended, true);
    send();
    assertEquals(take(connection), []);
    assertEquals(a.device.parent.statistics.dropObservers.active, false);
  });
});

Deno.test("a capture ends when its client has closed the connection", async () => {
  await inRuntimeDirectory(async () => {
    const { reactor, captures, a } = open();
    const { dropObservers } = a.device.parent.statistics;
    const record = captures.start(a.device.parent, "fabric", BYTES);
    const connection = await connect(reactor, record);
    assertEquals(dropObservers.active, true);
    connection[Symbol.dispose]();
    reactor.turn(1);
    assertEquals(dropObservers.active, false);
    captures.close();
  });
});

Deno.test("a capture without a client ends after 20 seconds, and the ninth is refused until then", async () => {
  await inRuntimeDirectory(() => {
    const rig = new Rig();
    const [a] = rig.pair();
    const reactor = new FakeReactor();
    const captures = new Captures(reactor, a.port);
    const start = () => captures.start(a.device.parent, "fabric", BYTES);
    for (let i = 0; i < 8; i++) start();
    const error = assertThrows(start, IpoibError, "already has 8 captures");
    assertEquals(error.code, "E_CAPTURES");
    reactor.clock.advance(19_999);
    reactor.settle();
    assertThrows(start, IpoibError, "already has 8 captures");
    reactor.clock.advance(2);
    reactor.settle();
    start();
    captures.close();
    return Promise.resolve();
  });
});

Deno.test("a client of another version, and of a capture that has ended, are refused", async () => {
  await inRuntimeDirectory(async () => {
    const { reactor, captures, a } = open();
    const record = captures.start(a.device.parent, "fabric", BYTES);
    const refused = async (changed: Partial<CaptureRecord>) => {
      try {
        (await connect(reactor, { ...record, ...changed }))[Symbol.dispose]();
        return "";
      } catch (error) {
        return (error as IpoibError).code;
      }
    };
    assertEquals(await refused({ version: 2 }), "E_CAPTURE_VERSION");
    captures.close();
    assertEquals(await refused({}), "E_CAPTURE_ENDED");
  });
});
