/** Tables of the engine under a flood of forged addresses: limited in size, without eviction of entries in use. */

import { assert, assertEquals, assertLess } from "@std/assert";
import { MAX_NEIGHBOURS, MAX_PATHS } from "../../src/ipoib/constants.ts";
import { PathRecord } from "../../src/wire/sa/path_record.ts";
import { gidFrom } from "../../src/wire/gid.ts";
import { IpAddress } from "../../src/wire/ip_address.ts";
import type { LinkAddress } from "../../src/wire/link_address.ts";
import { type Host, ip, ipv4Frame, Rig } from "./rig.ts";

const PREFIX = 0xfe80n << 48n;
const EINVAL = 22;
const LIVE = 1000;
const FORGED = 20_000;
/** GUIDs of existing ports are below this. */
const FIRST_FORGED = 0x1000_0000n;

function portAddress(guid: bigint, qpn: number): LinkAddress {
  return { flags: 0, qpn, gid: gidFrom(PREFIX, guid) };
}

function text(number: number): string {
  return `10.${number >> 16}.${number >> 8 & 0xff}.${number & 0xff}`;
}

/** A host whose administrator returns paths to existing ports and refuses others. */
function setup() {
  const rig = new Rig();
  const host = rig.host({ address: "10.255.0.1", prefixLength: 8 });
  let refused = 0;
  let known = 0;
  host.sa.queryPath = ({ dgid }, now, done) => {
    const guid = new DataView(dgid.buffer).getBigUint64(8);
    if (guid < FIRST_FORGED) {
      known++;
      done({ ok: true, record: PathRecord.of({ dgid, dlid: 7 }) }, now);
    } else {
      refused++;
      done({ ok: false, status: 0x200, errno: EINVAL }, now);
    }
    return { cancel: () => {} };
  };
  const queries = () => ({ known, refused });
  return { rig, host, queries };
}

/** Creates resolved neighbours. */
function addNeighbours(host: Host, count: number): void {
  for (let i = 0; i < count; i++) {
    const address = IpAddress.ipv4(ip(text(i)));
    host.link.neighbours.onKernelRequest(address, false);
    host.link.neighbours.learn(address, portAddress(BigInt(i + 1), i), "reply");
    host.netdev.config.neighbours.set(address.w3, "REACHABLE");
  }
}

function sendToAll(host: Host, count: number): number {
  host.posted();
  for (let i = 0; i < count; i++) {
    host.netdev.inject(ipv4Frame("10.255.0.1", text(i)));
    if (i % 8 === 7) host.rig.settle();
  }
  host.rig.settle();
  return host.posted().filter(({ handle }) => handle.dlid === 7).length;
}

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
  const { rig, host, queries } = setup();
  rig.advance(1);
  addNeighbours(host, LIVE);
  assertEquals(sendToAll(host, LIVE), LIVE);
  rig.advance(1);
  flood(host, FORGED);
  const { paths, neighbours } = host.link;
  assertLess(neighbours.size, MAX_NEIGHBOURS + 1);
  assertLess(paths.entries().length, MAX_PATHS + 1);
  rig.advance(1);
  assertEquals(sendToAll(host, LIVE), LIVE);
  assertEquals([queries().known, host.drops], [LIVE, {}]);
  const counters = host.link.statistics.tables.snapshot();
  assert(counters.neighbours_evicted > FORGED - MAX_NEIGHBOURS);
  assert(counters.peers_evicted > 0 && counters.paths_evicted > 0);
  rig.check();
});

Deno.test("existing paths without traffic are evicted before paths in use", () => {
  const { rig, host, queries } = setup();
  rig.advance(1);
  addNeighbours(host, LIVE);
  sendToAll(host, LIVE);
  rig.advance(1);
  const before = queries().known;
  flood(host, FORGED, FIRST_FORGED - BigInt(FORGED));
  assertEquals(queries().known, before + FORGED);
  assertLess(host.link.paths.entries().length, MAX_PATHS + 1);
  assertEquals(sendToAll(host, LIVE), LIVE);
  assertEquals(queries().known, before + FORGED);
  rig.check();
});

Deno.test("removal of a neighbour that is not a next hop does not clear the next-hop cache", () => {
  const { rig, host } = setup();
  addNeighbours(host, 1);
  sendToAll(host, 1);
  const { config } = host.netdev;
  const before = config.routeLookups;
  flood(host, 1);
  assert(host.link.neighbours.forget(IpAddress.ipv4(ip("10.64.0.0"))));
  sendToAll(host, 1);
  assertEquals(config.routeLookups, before);
  assert(host.link.neighbours.forget(IpAddress.ipv4(ip(text(0)))));
  sendToAll(host, 1);
  assertEquals(config.routeLookups, before + 1);
  rig.check();
});
