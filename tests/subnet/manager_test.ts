import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { encodeControl, encodeMad } from "../../src/subnet/protocol.ts";
import { broadcastMgid } from "../../src/wire/mgid.ts";
import {
  gsiAddress,
  MAD_BASE_VERSION,
  MAD_LENGTH,
  MgmtClass,
} from "../../src/wire/mad.ts";
import { broadcastJoin } from "../../src/sa/requests.ts";
import { gidOf, guidOf, Rig } from "./rig.ts";

Deno.test("the reply to show is the snapshot, also before the hello", () => {
  const rig = new Rig();
  const [a, b] = [rig.join(1), rig.connect()];
  const join = broadcastJoin(broadcastMgid(0xffff), gidOf(1), 0xffff);
  assert(a.ask((now, cb) => a.client.join(join, now, cb))?.ok);
  rig.toManager(b.connection, encodeControl({ type: "show", id: 77 }));
  rig.pump();
  const reply = b.messages[0];
  assert(reply?.type === "show");
  assertEquals(reply.id, 77);
  assertEquals(reply.subnet, rig.snapshot);
  assertEquals(reply.subnet.manager, {
    lid: 1,
    guid: "0x0000000000000001",
    pid: 42,
    host: "testhost",
    name: "ib0",
  });
  assertEquals(reply.subnet.ports, [{
    lid: 2,
    guid: guidOf(1),
    name: "ib1",
    pid: 101,
    pkeys: [0xffff, 0x8001, 0x8002],
    state: "active",
  }]);
  assertEquals(reply.subnet.partitions.map((p) => p.pkey), [0x7fff, 1, 2]);
  assertEquals(reply.subnet.groups[0], {
    mgid: "ff12:401b:ffff::ffff:ffff",
    mlid: 0xc000,
    pkey: 0xffff,
    qkey: 0xb1b,
    mtu: 2048,
    rateCode: 3,
    sl: 0,
    permanent: true,
    members: [{ lid: 2, guid: guidOf(1), joinState: 1 }],
  });
});

Deno.test("the welcome of a large subnet is split into several frames, and its snapshot is shortened", () => {
  const rig = new Rig();
  const ports = Array.from(
    { length: 450 },
    () => rig.join(1, { name: "\u5b57".repeat(64) }),
  );
  const last = ports.at(-1)!;
  assertEquals(last.lids.size, 450);
  assert(last.messages.filter((m) => m.type === "fabric").length > 0);
  rig.toManager(last.connection, encodeControl({ type: "show", id: 1 }));
  rig.pump();
  const reply = last.messages.at(-1);
  assert(reply?.type === "show");
  assertEquals(reply.subnet.truncated, true);
  assertEquals(reply.subnet.ports.length, 64);
});

Deno.test("long names of partitions are shortened in the snapshot, so that it fits in a frame", () => {
  const partitions = Array.from({ length: 100 }, (_, i) => ({
    name: "\u0001".repeat(i === 0 ? 257 : 5000),
    pkey: i + 1,
    members: [],
  }));
  for (const count of [1, partitions.length]) {
    const rig = new Rig({ partitions: partitions.slice(0, count) });
    const port = rig.connect();
    rig.toManager(port.connection, encodeControl({ type: "show", id: 1 }));
    rig.pump();
    const reply = port.messages[0];
    assert(reply?.type === "show");
    assertEquals(reply.subnet.truncated, count > 1 ? true : undefined);
    const [first] = reply.subnet.partitions;
    assertEquals(first!.name, "\u0001".repeat(count > 1 ? 64 : 256));
  }
});

Deno.test("MADs for another port are forwarded with the address of the source", () => {
  const rig = new Rig();
  const [a, b] = [rig.join(1), rig.join(2)];
  const mad = new Uint8Array(256).fill(7);
  const to = gsiAddress(3, 2, 5);
  a.sendMad(mad, to);
  rig.pump();
  assertEquals(b.mads, [{ kind: "mad", address: { ...to, lid: 2 }, mad }]);
  a.sendMad(mad, { ...to, lid: 99 });
  rig.pump();
  assertEquals([a.mads.length, b.mads.length], [0, 1]);
});

Deno.test("a MAD is forwarded only if its P_Key matches one of the destination", () => {
  const rig = new Rig({
    partitions: [
      {
        name: "Default",
        pkey: 0x7fff,
        members: [{ port: "ALL", membership: "limited" }],
      },
      {
        name: "server",
        pkey: 5,
        members: [{ port: "ALL", membership: "limited" }, {
          port: BigInt(guidOf(1)),
          membership: "full",
        }],
      },
    ],
  });
  const [a, b, c] = [rig.join(1), rig.join(2), rig.join(3)];
  assertEquals(a.welcome.pkeys, [0x7fff, 0x8005]);
  assertEquals(b.welcome.pkeys, [0x7fff, 0x0005]);
  const to = gsiAddress(4, 1);
  b.sendMad(new Uint8Array(256), to); // limited to limited
  a.sendMad(new Uint8Array(256), to); // full to limited
  rig.pump();
  assertEquals(c.mads.map((m) => m.address.lid), [2]);
});

function madHeader(baseVersion: number, mgmtClass: number): Uint8Array {
  const mad = new Uint8Array(MAD_LENGTH);
  mad[0] = baseVersion;
  mad[1] = mgmtClass;
  return mad;
}

Deno.test("a dropped MAD or frame is logged with the reason, and counted", () => {
  const rig = new Rig();
  const port = rig.join(1);
  const mad = new Uint8Array(256);
  const good = gsiAddress(1);
  port.sendMad(mad, { ...good, qpn: 2 });
  port.sendMad(mad, { ...good, qkey: 0xb1b });
  port.sendMad(mad, { ...good, pkeyIndex: 9 });
  port.sendMad(mad, { ...good, pkeyIndex: 1 });
  port.sendMad(mad, good);
  port.sendMad(madHeader(MAD_BASE_VERSION, MgmtClass.SubnAdm + 1), good);
  port.sendMad(mad, gsiAddress(9));
  port.sendMad(
    madHeader(MAD_BASE_VERSION, MgmtClass.SubnAdm),
    gsiAddress(port.welcome.lid),
  );
  const unregistered = rig.connect();
  unregistered.sendMad(mad, good);
  rig.toManager(port.connection, new Uint8Array(3));
  rig.pump();
  const dropped = rig.log.filter((line) => line.includes("dropped"));
  assertEquals(dropped.map((line) => line.split("dropped: ")[1]), [
    "the destination is QP 2, not QP1",
    "the Q_Key is not that of QP1",
    "P_Key index 9 is not in the port's table",
    "the manager is a member of the default partition only",
    "the base version is 0, not 1",
    "the management class is 0x04, not 0x03",
    "no port can receive it at LID 0x0009",
    "management class 0x03 is for LID 0x0001 only, not for LID 0x0002",
    "the port is not registered",
  ]);
  assertEquals(rig.snapshot.dropped, {
    malformed: 1,
    not_registered: 1,
    port_down: 0,
    wrong_qpn: 1,
    wrong_qkey: 1,
    wrong_pkey: 2,
    no_destination: 1,
    mad_version: 1,
    mad_class: 2,
  });
  assertEquals(port.mads, []);
});

Deno.test("arbitrary frames and MADs neither throw nor remove a port", () => {
  const rig = new Rig();
  const port = rig.join(1);
  const to = gsiAddress(1);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
    rig.manager.receive(port.connection, bytes, rig.clock.now());
    const mad = new Uint8Array(256);
    mad.set(bytes.subarray(0, 256));
    rig.manager.receive(port.connection, encodeMad(mad, to), rig.clock.now());
    mad[0] = 1;
    mad[1] = 3;
    rig.manager.receive(port.connection, encodeMad(mad, to), rig.clock.now());
  }));
  rig.manager.receive(999, new Uint8Array(3), rig.clock.now());
  rig.manager.disconnect(999, rig.clock.now());
  rig.pump();
  assertEquals(rig.snapshot.ports.length, 1);
  assert(rig.log.some((line) => line.includes("Malformed frame")));
});
