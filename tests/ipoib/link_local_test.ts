/** The link-local address of an interface, on a fake network device. */

import { assertEquals } from "@std/assert";
import { LinkLocal } from "../../src/ipoib/link_local.ts";
import type { Netdev } from "../../src/netdev/netdev.ts";

const GUID = 0x0002c90300000001n;
const ADDRESS = "fe80::202:c903:0:1";

function scene() {
  const calls: string[] = [];
  const config = { up: true, mtu: 2044, ipv6Removals: 0 };
  const netdev = {
    config,
    addLinkLocal: (address: unknown) => calls.push(`add ${address}`),
    deleteLinkLocal: (address: unknown) => calls.push(`delete ${address}`),
  };
  const linkLocal = new LinkLocal(netdev as unknown as Netdev);
  /** Returns the calls that following the state causes. */
  const follow = (guid = GUID, carrier = true) => {
    linkLocal.follow(guid, carrier);
    return calls.splice(0);
  };
  return { config, follow };
}

Deno.test("LinkLocal adds the address once, with carrier only", () => {
  const { follow } = scene();
  assertEquals(follow(GUID, false), []);
  assertEquals(follow(), [`add ${ADDRESS}`]);
  assertEquals(follow(), []);
  assertEquals(follow(GUID, false), []);
  assertEquals(follow(), []);
});

Deno.test("LinkLocal adds the address again after the interface was down or its MTU below 1280", () => {
  const { config, follow } = scene();
  follow();
  for (const change of [{ up: false }, { mtu: 1279 }]) {
    Object.assign(config, change);
    config.ipv6Removals++;
    assertEquals(follow(), []);
    Object.assign(config, { up: true, mtu: 1280 });
    assertEquals(follow(), [`add ${ADDRESS}`]);
  }
  // Both changes are read at once.
  config.ipv6Removals++;
  assertEquals(follow(), [`add ${ADDRESS}`]);
});

Deno.test("LinkLocal replaces the address when the GUID changes, and sets the universal bit", () => {
  const { follow } = scene();
  follow();
  assertEquals(follow(0x0200000000000007n), [
    `delete ${ADDRESS}`,
    "add fe80::200:0:0:7",
  ]);
});
