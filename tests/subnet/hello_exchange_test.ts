/** Ports that register with a subnet manager, and those that it refuses. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { formatGuid } from "../../src/base/hex.ts";
import { MAX_PORTS } from "../../src/subnet/constants.ts";
import { linkToken } from "../../src/subnet/link_token.ts";
import { type Hello, PROTOCOL_VERSION } from "../../src/subnet/messages.ts";
import { encodeControl } from "../../src/subnet/protocol.ts";
import { register } from "../../src/subnet/registration.ts";
import { Subnet } from "../../src/subnet/subnet.ts";
import { gidKey } from "../../src/wire/gid.ts";
import { broadcastMgid } from "../../src/wire/mgid.ts";
import { guidOf, Rig, secretOf } from "./rig.ts";

Deno.test("the first port gets LID 2 and the P_Keys of the built-in partitions", () => {
  const rig = new Rig();
  const { welcome } = rig.join(1);
  assertEquals(welcome, {
    type: "welcome",
    version: PROTOCOL_VERSION,
    guid: guidOf(1),
    lid: 2,
    smLid: 1,
    smSl: 0,
    down: false,
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

Deno.test("the forwarding tables of all ports follow registrations and departures", () => {
  const rig = new Rig();
  const [a, b] = [rig.join(1), rig.join(2)];
  const both = [[2, guidOf(1)], [3, guidOf(2)]];
  assertEquals([...a.lids], both);
  assertEquals([...b.lids], both);
  rig.leave(a);
  assertEquals([...b.lids], [[3, guidOf(2)]]);
});

Deno.test("a port that requests a GUID in use gets the next free GUID", () => {
  const rig = new Rig();
  rig.join(1);
  rig.join(2);
  assertEquals(rig.join(1).welcome.guid, guidOf(3));
});

Deno.test("a port that requires a GUID in use is refused", () => {
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

Deno.test("the manager's GUID and GUID 0 are not assigned to ports", () => {
  const rig = new Rig();
  const zero = "0x0000000000000000";
  assertEquals(rig.join(1, { guid: zero }).welcome.guid, "0x0000000000000002");
  const fixed = { guid: "0x0000000000000001", guidFixed: true };
  assertStringIncludes(rig.join(1, fixed).refusal!.message, "manager's");
  const { refusal } = rig.join(1, { guid: zero, guidFixed: true });
  assertStringIncludes(refusal!.message, "is not a GUID");
});

Deno.test("the first port sets the MTU; a port that requires another MTU is refused", () => {
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

Deno.test("a refused port does not set the MTU", () => {
  const rig = new Rig();
  rig.join(1, { guid: "0x0000000000000001", guidFixed: true, subnetMtu: 4096 });
  assertEquals(rig.join(1).welcome.mtuCode, 4);
});

Deno.test("a port with another protocol version is refused; the message has both versions", () => {
  const rig = new Rig();
  const port = rig.connect();
  rig.toManager(port.connection, encodeControl({ type: "hello", version: 9 }));
  rig.pump();
  assertEquals(port.refusal?.code, "E_SUBNET_VERSION");
  assertStringIncludes(port.refusal!.message, "version 9");
  assertStringIncludes(port.refusal!.message, `version ${PROTOCOL_VERSION}`);
});

Deno.test("a port beyond the maximum of MAX_PORTS is refused", () => {
  const subnet = new Subnet({ managerGuid: 1n }, {
    groupCreated() {},
    groupChanged() {},
    groupDeleted() {},
  });
  const hello = (n: number): Hello => ({
    type: "hello",
    version: PROTOCOL_VERSION,
    guid: formatGuid(0x2c9_0300_0000n + BigInt(n)),
    name: `ib${n}`,
    pid: n,
    secret: secretOf(1),
  });
  for (let n = 1; n <= MAX_PORTS; n++) {
    assert("lid" in register(subnet, n, hello(n), 0));
  }
  const refusal = register(subnet, MAX_PORTS + 1, hello(0), 0);
  assert("code" in refusal);
  assertEquals(refusal.code, "E_SUBNET_FULL");
  assertStringIncludes(refusal.message, `maximum of ${MAX_PORTS} ports`);
});

Deno.test("a second hello on a connection is refused, and the port remains registered", () => {
  const rig = new Rig();
  const port = rig.join(1);
  rig.hello(port, 2);
  assertEquals(port.refusal?.code, "E_SUBNET_PROTOCOL");
  assertEquals(rig.snapshot.ports.map((p) => p.guid), [guidOf(1)]);
});

Deno.test("a freed LID is assigned to its previous GUID, but to another GUID only if no other LID is free", () => {
  const rig = new Rig();
  const a = rig.join(1);
  rig.join(2);
  rig.leave(a);
  assertEquals(rig.join(3).welcome.lid, 4);
  assertEquals(rig.join(1).welcome.lid, 2);
});
