import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { encodeControl, encodeMad } from "../../src/subnet/protocol.ts";
import { linkToken } from "../../src/subnet/link_token.ts";
import { PROTOCOL_VERSION } from "../../src/subnet/messages.ts";
import { broadcastMgid } from "../../src/wire/mgid.ts";
import { gidKey } from "../../src/wire/gid.ts";
import { gsiAddress } from "../../src/wire/mad.ts";
import { broadcastJoin } from "../../src/sa/requests.ts";
import { gidOf, guidOf, Rig, secretOf } from "./rig.ts";

Deno.test("the first port is welcomed with LID 2 and the default partitions", () => {
  const rig = new Rig();
  const { welcome } = rig.join(1);
  assertEquals(welcome, {
    type: "welcome",
    version: PROTOCOL_VERSION,
    guid: guidOf(1),
    lid: 2,
    smLid: 1,
    smSl: 0,
    subnetPrefix: "0xfe80000000000000",
    pkeys: [0xffff, 0x8001, 0x8002],
    mtuCode: 4,
    rateCode: 16,
    width: 4,
    laneMbps: 25000,
    fabric: {
      ports: [{
        lid: 2,
        guid: guidOf(1),
        pkeys: [0xffff, 0x8001, 0x8002],
        token: linkToken(secretOf(1), guidOf(1)),
      }],
      groups: [0xffff, 0x8001, 0x8002].map((pkey, i) => ({
        mlid: 0xc000 + i,
        mgid: gidKey(broadcastMgid(pkey)),
        lids: [],
      })),
    },
  });
});

Deno.test("ports learn of each other, and of departures", () => {
  const rig = new Rig();
  const [a, b] = [rig.join(1), rig.join(2)];
  const both = [[2, guidOf(1)], [3, guidOf(2)]];
  assertEquals([...a.lids], both);
  assertEquals([...b.lids], both);
  rig.leave(a);
  assertEquals([...b.lids], [[3, guidOf(2)]]);
});

Deno.test("a GUID that a live port has is given as the next free one", () => {
  const rig = new Rig();
  rig.join(1);
  rig.join(2);
  assertEquals(rig.join(1).welcome.guid, guidOf(3));
});

Deno.test("a fixed GUID that is taken is refused", () => {
  const rig = new Rig();
  rig.join(1);
  const { refusal, welcomed } = rig.join(1, { guidFixed: true });
  assertEquals(welcomed, undefined);
  assertEquals(refusal?.code, "E_SUBNET_GUID");
  assertEquals(
    refusal?.message,
    `GUID ${guidOf(1)} is in use by ib1 (pid 101)`,
  );
});

Deno.test("the manager's GUID and GUID 0 are nobody's", () => {
  const rig = new Rig();
  const zero = "0x0000000000000000";
  assertEquals(rig.join(1, { guid: zero }).welcome.guid, "0x0000000000000002");
  const fixed = { guid: "0x0000000000000001", guidFixed: true };
  assertStringIncludes(rig.join(1, fixed).refusal!.message, "manager's");
  const { refusal } = rig.join(1, { guid: zero, guidFixed: true });
  assertStringIncludes(refusal!.message, "is not a GUID");
});

Deno.test("the first port settles the MTU, another one is refused with both named", () => {
  const rig = new Rig();
  assertEquals(rig.join(1, { subnetMtu: 4096 }).welcome.mtuCode, 5);
  assertEquals(rig.join(2).welcome.mtuCode, 5);
  assertEquals(rig.join(3, { subnetMtu: 4096 }).welcome.mtuCode, 5);
  const { refusal } = rig.join(4, { subnetMtu: 2048 });
  assertEquals(refusal?.code, "E_SUBNET_MTU");
  assertStringIncludes(refusal!.message, "4096");
  assertStringIncludes(refusal!.message, "2048");
  assertEquals(rig.snapshot.ports.length, 3);
  assertEquals(rig.snapshot.groups[0]!.mtu, 4096);
});

Deno.test("a refused port settles nothing", () => {
  const rig = new Rig();
  rig.join(1, { guid: "0x0000000000000001", guidFixed: true, subnetMtu: 4096 });
  assertEquals(rig.join(1).welcome.mtuCode, 4);
});

Deno.test("another version is refused with both named", () => {
  const rig = new Rig();
  const port = rig.connect();
  rig.toManager(port.connection, encodeControl({ type: "hello", version: 9 }));
  rig.pump();
  assertEquals(port.refusal?.code, "E_SUBNET_VERSION");
  assertStringIncludes(port.refusal!.message, "version 9");
  assertStringIncludes(port.refusal!.message, `version ${PROTOCOL_VERSION}`);
});

Deno.test("a second hello on a connection is refused, the port stays", () => {
  const rig = new Rig();
  const port = rig.join(1);
  rig.hello(port, 2);
  assertEquals(port.refusal?.code, "E_SUBNET_PROTOCOL");
  assertEquals(rig.snapshot.ports.map((p) => p.guid), [guidOf(1)]);
});

Deno.test("freed LIDs are not given to others while some are free, and are there for their GUIDs", () => {
  const rig = new Rig();
  const a = rig.join(1);
  rig.join(2);
  rig.leave(a);
  assertEquals(rig.join(3).welcome.lid, 4);
  assertEquals(rig.join(1).welcome.lid, 2);
});

Deno.test("show answers with everything, also before a hello", () => {
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

Deno.test("a subnet too large for a frame is shown and welcomed in parts", () => {
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

Deno.test("MADs for another port are passed on with the source's address", () => {
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

Deno.test("a MAD passes only between members of its partition", () => {
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

Deno.test("a MAD with a wrong QP, Q_Key or P_Key index is dropped with a reason", () => {
  const rig = new Rig();
  const port = rig.join(1);
  const mad = new Uint8Array(256);
  const good = gsiAddress(1);
  port.sendMad(mad, { ...good, qpn: 2 });
  port.sendMad(mad, { ...good, qkey: 0xb1b });
  port.sendMad(mad, { ...good, pkeyIndex: 9 });
  port.sendMad(mad, { ...good, pkeyIndex: 1 });
  const stranger = rig.connect();
  stranger.sendMad(mad, good);
  rig.pump();
  const dropped = rig.log.filter((line) => line.includes("dropped"));
  assertEquals(dropped.map((line) => line.split("dropped: ")[1]), [
    "it is for QP 2, not QP1",
    "its Q_Key is not that of QP1",
    "P_Key index 9 is not in the port's table",
    "the manager is in the default partition only",
    "the port is not registered",
  ]);
  assertEquals(port.mads, []);
});

Deno.test("no frame of any kind upsets the manager", () => {
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
