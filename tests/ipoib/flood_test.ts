/** Tables of the engine under a flood of invented addresses: bounded, and nothing that is in use goes. */

import { assert, assertEquals, assertLess } from "@std/assert";
import { PathRecord } from "../../src/wire/sa/path_record.ts";
import { gidFrom } from "../../src/wire/gid.ts";
import { IpAddress } from "../../src/wire/ip_address.ts";
import type { LinkAddress } from "../../src/wire/link_address.ts";
import { type Host, ip, ipv4Frame, Rig } from "./rig.ts";

const PREFIX = 0xfe80n << 48n;
const EINVAL = 22;
const LIVE = 1000;
const INVENTED = 20_000;
/** Ports that exist have GUIDs below this. */
const FIRST_INVENTED = 0x1000_0000n;

function portAddress(guid: bigint, qpn: number): LinkAddress {
  return { flags: 0, qpn, gid: gidFrom(PREFIX, guid) };
}

function text(number: number): string {
  return `10.${number >> 16}.${number >> 8 & 0xff}.${number & 0xff}`;
}

/** A host whose administrator knows the ports that exist and refuses paths to others. */
function setup() {
  const rig = new Rig();
  const host = rig.host({ address: "10.255.0.1", prefixLength: 8 });
  let refused = 0;
  let known = 0;
  host.sa.queryPath = ({ dgid }, now, done) => {
    const guid = new DataView(dgid.buffer).getBigUint64(8);
    if (guid < FIRST_INVENTED) {
      known++;
      done({ ok: true, record: PathRecord.of({ dgid, dlid: 7 }) }, now);
    } else {
      refused++;
      done({ ok: false, status: 0x200, errno: EINVAL }, now);
    }
    return { cancel: () => {} };
  };
  const questions = () => ({ known, refused });
  return { rig, host, questions };
}

/** Makes neighbours that packets go to. */
function befriend(host: Host, count: number): void {
  for (let i = 0; i < count; i++) {
    const address = IpAddress.ipv4(ip(text(i)));
    host.link.neighbours.asks(address, false);
    host.link.neighbours.hear(address, portAddress(BigInt(i + 1), i), "reply");
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

/** The kernel answers requests that came from invented addresses. */
function flood(host: Host, count: number, guid = FIRST_INVENTED): void {
  const { neighbours, paths } = host.link;
  for (let i = 0; i < count; i++) {
    const from = portAddress(guid + BigInt(i), i);
    neighbours.answered(IpAddress.ipv4(ip("10.64.0.0") + i), from);
    paths.request(from.gid, host.rig.reactor.clock.now(), () => {});
  }
}

Deno.test("a flood of invented addresses takes nothing from a thousand neighbours that packets go to", () => {
  const { rig, host, questions } = setup();
  rig.advance(1);
  befriend(host, LIVE);
  assertEquals(sendToAll(host, LIVE), LIVE);
  rig.advance(1);
  flood(host, INVENTED);
  const { paths, neighbours } = host.link;
  assertLess(neighbours.size, 4097);
  assertLess(paths.entries().length, 5121);
  rig.advance(1);
  assertEquals(sendToAll(host, LIVE), LIVE);
  assertEquals([questions().known, host.drops], [LIVE, {}]);
  const counters = host.link.statistics.tables.snapshot();
  assert(counters.neighbours_evicted > INVENTED - 4096);
  assert(counters.peers_evicted > 0 && counters.paths_evicted > 0);
  rig.check();
});

Deno.test("of paths that exist those go first that no packets are sent on", () => {
  const { rig, host, questions } = setup();
  rig.advance(1);
  befriend(host, LIVE);
  sendToAll(host, LIVE);
  rig.advance(1);
  const asked = questions().known;
  flood(host, INVENTED, FIRST_INVENTED - BigInt(INVENTED));
  assertEquals(questions().known, asked + INVENTED);
  assertLess(host.link.paths.entries().length, 5121);
  assertEquals(sendToAll(host, LIVE), LIVE);
  assertEquals(questions().known, asked + INVENTED);
  rig.check();
});

Deno.test("a neighbour that is no next hop goes without a new decision about any flow", () => {
  const { rig, host } = setup();
  befriend(host, 1);
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
