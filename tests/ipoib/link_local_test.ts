/** The link-local address of an interface, on a fake network device. */

import { assertEquals } from "@std/assert";
import { Errno } from "../../src/base/errno.ts";
import { IpoibError } from "../../src/base/errors.ts";
import { LinkLocal } from "../../src/ipoib/link_local.ts";
import type { Netdev } from "../../src/netdev/netdev.ts";
import { FakeReactor } from "../../src/system/fake_reactor.ts";

const GUID = 0x0002c90300000001n;
const ADDRESS = "fe80::202:c903:0:1";

function scene() {
  const calls: string[] = [];
  const reactor = new FakeReactor();
  const kernel = { refuses: false };
  const config = { up: true, mtu: 2044, ipv6Removals: 0 };
  const netdev = {
    config,
    ifindex: 7,
    addLinkLocal: (address: unknown) => {
      calls.push(`add ${address}`);
      if (!kernel.refuses) return;
      throw new IpoibError("E_NETLINK", "Cannot read network interface 7", {
        errno: Errno.ENOBUFS,
      });
    },
    deleteLinkLocal: (address: unknown) => calls.push(`delete ${address}`),
  };
  const linkLocal = new LinkLocal(netdev as unknown as Netdev, reactor);
  /** Returns the calls that following the state causes. */
  const follow = (guid = GUID, carrier = true) => {
    linkLocal.follow(guid, carrier);
    return calls.splice(0);
  };
  /** Returns the calls within `ms` milliseconds. */
  const wait = (ms: number) => {
    reactor.advance(ms);
    return calls.splice(0);
  };
  return { config, kernel, follow, wait, reactor, linkLocal };
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

Deno.test("LinkLocal adds the address again after a second if the kernel refuses, in the state that it has then", () => {
  const { config, kernel, follow, wait, reactor, linkLocal } = scene();
  kernel.refuses = true;
  assertEquals(follow(), [`add ${ADDRESS}`]);
  assertEquals(wait(999), []);
  assertEquals(wait(1), [`add ${ADDRESS}`]);
  assertEquals(follow(GUID, false), []);
  assertEquals(wait(1000), []);
  assertEquals(follow(), [`add ${ADDRESS}`]);
  config.up = false;
  kernel.refuses = false;
  assertEquals(wait(1000), []);
  config.up = true;
  assertEquals(follow(), [`add ${ADDRESS}`]);
  assertEquals([wait(5000), reactor.armed], [[], 0]);
  kernel.refuses = true;
  follow(GUID + 1n);
  linkLocal.close();
  assertEquals(wait(5000), []);
});
