/** The destinations that a limited member does not reach. */

import { assertEquals, assertMatch } from "@std/assert";
import { MAX_UNREACHED } from "../../src/ipoib/constants.ts";
import { UnreachedMembers } from "../../src/ipoib/unreached_members.ts";
import { IpAddress } from "../../src/wire/ip_address.ts";
import type { HcaPort } from "../../src/hca/hca.ts";
import { getLogger } from "../../src/base/log.ts";
import { LinkIdentity } from "../../src/ipoib/link_identity.ts";
import { gidFrom } from "../../src/wire/gid.ts";
import { NO_EVENTS } from "./no_events.ts";

const GID = gidFrom(0xfe80000000000000n, 0x123n);

function members(pkeys: number[], pkeyIndex: number) {
  const attributes = { pkeys };
  const identity = new LinkIdentity({ attributes } as unknown as HcaPort);
  identity.pkey = 0x8010;
  identity.pkeyIndex = pkeyIndex;
  const unreached = new UnreachedMembers(
    identity,
    getLogger("test"),
    NO_EVENTS,
  );
  return { attributes, unreached };
}

Deno.test("UnreachedMembers lists addresses without answer and ports without path until they are reached", () => {
  const { unreached } = members([0xffff, 0x0010], 1);
  unreached.noAnswer(IpAddress.parse("10.0.0.1")!);
  unreached.noAnswer(IpAddress.parse("10.0.0.1")!);
  unreached.noPath(GID);
  const list = unreached.list();
  assertEquals(list.map(({ destination }) => destination), [
    "10.0.0.1",
    "fe80::123",
  ]);
  for (const { reason } of list) {
    assertMatch(reason, /both ends are limited members of partition 0x8010/);
  }
  unreached.addressReached(IpAddress.parse("10.0.0.1")!);
  assertEquals(unreached.list().length, 1);
  unreached.portReached(GID);
  assertEquals(unreached.list(), []);
  unreached.noPath(GID);
  unreached.clear();
  assertEquals(unreached.list(), []);
});

Deno.test("UnreachedMembers lists nothing on a full member, or while the P_Key is not in the table", () => {
  for (const index of [0, -1]) {
    const { unreached } = members([0x8010], index);
    unreached.noAnswer(IpAddress.parse("10.0.0.1")!);
    unreached.noPath(GID);
    assertEquals(unreached.list(), []);
  }
  const { attributes, unreached } = members([0x0010], 0);
  unreached.noPath(GID);
  attributes.pkeys[0] = 0x8010;
  assertEquals(unreached.list(), []);
});

Deno.test("UnreachedMembers keeps the last MAX_UNREACHED destinations", () => {
  const { unreached } = members([0x0010], 0);
  for (let n = 0; n < MAX_UNREACHED + 3; n++) {
    unreached.noAnswer(IpAddress.ipv4(0x0a000000 + n));
  }
  const list = unreached.list();
  assertEquals(list.length, MAX_UNREACHED);
  assertEquals(list[0]!.destination, "10.0.0.3");
});
