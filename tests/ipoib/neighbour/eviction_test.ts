/** Eviction from a full neighbour table: unused entries first, static entries never. */

import { assert, assertEquals } from "@std/assert";
import { IDLE_MS } from "../../../src/ipoib/constants.ts";
import { FakeNetdev } from "../../../src/netdev/fake.ts";
import {
  addNeighbours,
  manyNeighbours,
  neighbourAddress,
  portAddress,
  sendToAll,
} from "../many_neighbours.ts";
import type { Host } from "../rig.ts";

const MAXIMUM = 1024;
const GUID = 0xffffn;

/** A host whose kernel has the limit `maximum` on neighbours. The time is not 0, which stands for "never". */
function setup(maximum = MAXIMUM) {
  const scene = manyNeighbours({
    makeNetdev: (options) => {
      const netdev = new FakeNetdev(options);
      netdev.config.neighbours.maximum = maximum;
      return netdev;
    },
  });
  scene.rig.advance(1);
  const { host } = scene;
  return { ...scene, kernel: host.netdev.config.neighbours };
}

/** Numbers of the neighbours from `first` on that are not in the table. */
function evicted(host: Host, count: number, first = 0): number[] {
  return Array.from({ length: count }, (_, i) => first + i).filter((number) =>
    !host.link.neighbours.find(neighbourAddress(number))
  );
}

/** Adds unresolved neighbours. */
function ask(host: Host, count: number, first: number): void {
  for (let i = first; i < first + count; i++) {
    host.link.neighbours.onKernelRequest(neighbourAddress(i), false);
  }
}

/** Adds neighbours that have sent a request, all with the same link-layer address. */
function requests(
  host: Host,
  count: number,
  first: number,
  from = portAddress(GUID, 1),
): void {
  for (let i = first; i < first + count; i++) {
    host.link.neighbours.learnRequester(neighbourAddress(i), from);
  }
}

Deno.test("a full table evicts entries without IP traffic, and keeps used and static ones", () => {
  const { rig, host } = setup();
  const { neighbours } = host.link;
  const STATIC = 10_000;
  for (let i = 0; i < 100; i++) {
    neighbours.hold(neighbourAddress(STATIC + i), portAddress(GUID, 2));
  }
  addNeighbours(host, 400);
  sendToAll(host, 200);
  rig.advance(IDLE_MS + 1);
  sendToAll(host, 200, 200);
  requests(host, 300, 20_000);
  rig.advance(1);
  ask(host, 324, 21_000);
  // Static entries do not count, as in the kernel.
  assertEquals(neighbours.size, MAXIMUM + 100);
  requests(host, 1, 30_000);
  // The oldest unused entries: 1/8 of 1124.
  assertEquals(evicted(host, 300, 20_000).length, 141);
  requests(host, 5000, 30_001);
  ask(host, 5000, 40_000);
  assertEquals(evicted(host, 300, 20_000).length, 300);
  assertEquals(evicted(host, 400), []);
  assertEquals(evicted(host, 100, STATIC), []);
  assert(neighbours.size <= MAXIMUM + 100);
  rig.check();
});

Deno.test("a table of used entries evicts the least recently used, and few at a time if all were used recently", () => {
  const { rig, host } = setup();
  addNeighbours(host, MAXIMUM);
  sendToAll(host, 40);
  rig.advance(IDLE_MS);
  sendToAll(host, MAXIMUM - 40, 40);
  rig.advance(1);
  const add = (number: number) => {
    addNeighbours(host, 1, number);
    sendToAll(host, 1, number);
  };
  add(2000);
  assertEquals(evicted(host, MAXIMUM), [...Array(40).keys()]);
  for (let i = 1; i < 40; i++) add(2000 + i);
  assertEquals(evicted(host, MAXIMUM).length, 40);
  rig.advance(1);
  // The entries from 56 on stay the most recently used.
  sendToAll(host, MAXIMUM - 56, 56);
  add(2040);
  assertEquals(evicted(host, MAXIMUM), [...Array(56).keys()], "1/64 of 1024");
  rig.check();
});

Deno.test("a host that claims many addresses evicts no neighbour with traffic, even if it has traffic itself", () => {
  const { rig, host } = setup();
  addNeighbours(host, 300);
  assertEquals(sendToAll(host, 300), 300);
  rig.advance(1);
  const claimant = host.link.neighbours.find(neighbourAddress(299))!.peer!;
  assertEquals(sendToAll(host, 1, 299), 1);
  for (let i = 0; i < 10; i++) {
    requests(host, 2000, 1000 + 2000 * i, claimant.address);
    rig.advance(1);
    assertEquals(sendToAll(host, 1, 299), 1);
  }
  assertEquals(evicted(host, 300), []);
  rig.check();
});

Deno.test("a raised limit of the kernel takes effect in a full table after a second", () => {
  const { rig, host, kernel } = setup();
  const { neighbours } = host.link;
  ask(host, MAXIMUM, 0);
  kernel.maximum = 4 * MAXIMUM;
  rig.advance(1000);
  ask(host, 3 * MAXIMUM, MAXIMUM);
  assertEquals(neighbours.size, 4 * MAXIMUM);
  ask(host, 1, 4 * MAXIMUM);
  assertEquals(neighbours.size, 3.5 * MAXIMUM + 1);
  rig.check();
});

Deno.test("a lowered limit of the kernel takes effect within a minute, and evicts entries without traffic first", () => {
  const { rig, host, kernel } = setup(4 * MAXIMUM);
  const { neighbours } = host.link;
  addNeighbours(host, 800);
  ask(host, 3000, 1000);
  kernel.maximum = MAXIMUM;
  rig.advance(60_000);
  sendToAll(host, 800);
  ask(host, 1, 5000);
  assertEquals(neighbours.size, MAXIMUM * 7 / 8 + 1);
  assertEquals(evicted(host, 800), []);
  rig.check();
});

Deno.test("evictions do not prevent the resolution of other neighbours", () => {
  const { host, kernel } = setup();
  addNeighbours(host, 1);
  sendToAll(host, 1);
  ask(host, 10 * MAXIMUM, 1000);
  assertEquals(kernel.changes.length, 128);
  // The entry is gone, but the kernel's is REACHABLE, so that the kernel sends no request.
  host.link.neighbours.forget(neighbourAddress(0));
  sendToAll(host, 1);
  assertEquals(kernel.changes.at(-1), "resolve 10.0.0.0");
});
