/** Tables of the engine under a flood of forged addresses: limited in size, without eviction of entries in use. */

import { assert, assertEquals, assertLess } from "@std/assert";
import { DEFAULT_MAX_NEIGHBOURS } from "../../src/ipoib/constants.ts";
import { IpAddress } from "../../src/wire/ip_address.ts";
import { DEFAULT_MAX_PATHS } from "./default_limits.ts";
import {
  addNeighbours,
  FIRST_FORGED,
  manyNeighbours,
  neighbourAddress,
  portAddress,
  sendToAll,
} from "./many_neighbours.ts";
import { type Host, ip } from "./rig.ts";

const LIVE = 1000;
const FORGED = 20_000;

/** Simulates kernel replies to ARP requests from forged addresses. */
function flood(host: Host, count: number, guid = FIRST_FORGED): void {
  const { neighbours, paths } = host.link;
  for (let i = 0; i < count; i++) {
    const from = portAddress(guid + BigInt(i), i);
    neighbours.learnRequester(IpAddress.ipv4(ip("10.64.0.0") + i), from);
    paths.request(from.gid, host.rig.reactor.clock.now(), () => {});
  }
}

Deno.test("a flood of forged addresses evicts none of a thousand neighbours in use", () => {
  const { rig, host, queries } = manyNeighbours();
  rig.advance(1);
  addNeighbours(host, LIVE);
  assertEquals(sendToAll(host, LIVE), LIVE);
  rig.advance(1);
  flood(host, FORGED);
  const { paths, neighbours } = host.link;
  assertLess(neighbours.size, DEFAULT_MAX_NEIGHBOURS + 1);
  assertLess(paths.entries().length, DEFAULT_MAX_PATHS + 1);
  rig.advance(1);
  assertEquals(sendToAll(host, LIVE), LIVE);
  assertEquals([queries().known, host.drops], [LIVE, {}]);
  const counters = host.link.statistics.tables.snapshot();
  assert(counters.neighbours_evicted > FORGED - DEFAULT_MAX_NEIGHBOURS);
  assert(counters.peers_evicted > 0 && counters.paths_evicted > 0);
  rig.check();
});

Deno.test("existing paths without traffic are evicted before paths in use", () => {
  const { rig, host, queries } = manyNeighbours();
  rig.advance(1);
  addNeighbours(host, LIVE);
  sendToAll(host, LIVE);
  rig.advance(1);
  const before = queries().known;
  flood(host, FORGED, FIRST_FORGED - BigInt(FORGED));
  assertEquals(queries().known, before + FORGED);
  assertLess(host.link.paths.entries().length, DEFAULT_MAX_PATHS + 1);
  assertEquals(sendToAll(host, LIVE), LIVE);
  assertEquals(queries().known, before + FORGED);
  rig.check();
});

Deno.test("removal of a neighbour that is not a next hop does not clear the next-hop cache", () => {
  const { rig, host } = manyNeighbours();
  addNeighbours(host, 1);
  sendToAll(host, 1);
  const { config } = host.netdev;
  const before = config.routeLookups;
  flood(host, 1);
  assert(host.link.neighbours.forget(IpAddress.ipv4(ip("10.64.0.0"))));
  sendToAll(host, 1);
  assertEquals(config.routeLookups, before);
  assert(host.link.neighbours.forget(neighbourAddress(0)));
  sendToAll(host, 1);
  assertEquals(config.routeLookups, before + 1);
  rig.check();
});
