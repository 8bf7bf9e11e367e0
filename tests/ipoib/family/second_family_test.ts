/** A second address family, to show that the engine supports families that are passed to it. */

import { assertEquals } from "@std/assert";
import type { AddressFamily } from "../../../src/ipoib/family/address_family.ts";
import type {
  Translator,
  TranslatorParts,
} from "../../../src/ipoib/family/translator.ts";
import { ipv4Family } from "../../../src/ipoib/family/ipv4_family.ts";
import { FakeNetdev } from "../../../src/netdev/fake.ts";
import type { Route } from "../../../src/netdev/net_config.ts";
import { encapWord } from "../../../src/wire/encap.ts";
import { FRAME_HEADER_LENGTH } from "../../../src/wire/ethernet.ts";
import { formatGid } from "../../../src/wire/gid.ts";
import { IpAddress } from "../../../src/wire/ip_address.ts";
import {
  emitLinkAddress,
  LINK_ADDRESS_LENGTH,
  parseLinkAddress,
} from "../../../src/wire/link_address.ts";
import { hex, ipAddress, viewOf } from "../../wire/support.ts";
import { type Host, ip, ipv4Frame, packetOf, QKEY, Rig } from "../rig.ts";

/** IEEE 802 local experimental EtherType 1. */
const ETHER_TYPE = 0x88b5;
const VERSION = 0x9;
const SOURCE = 4;
const DESTINATION = 20;
const HEADER_LENGTH = 36;
/** Kind of the address resolution packets. */
const RESOLUTION = 3;

/** Returns the MGID of a group: a signature of the family, and the low 80 bits of the address. */
function mgidOf(group: IpAddress, broadcast: Uint8Array): Uint8Array {
  const mgid = broadcast.slice();
  mgid.set([0x60, 0x1b], 2);
  mgid.set(group.bytes().subarray(6), 6);
  return mgid;
}

function addressAt(view: DataView, at: number): IpAddress {
  const word = (i: number) => view.getInt32(at + 4 * i);
  return new IpAddress(word(0), word(1), word(2), word(3));
}

/**
 * Address resolution with packets of the family, like neighbour discovery. On the link the 20-byte address of the
 * source follows the header; packets of the kernel have none.
 */
class WideTranslator implements Translator {
  readonly #parts: TranslatorParts;

  constructor(parts: TranslatorParts) {
    this.#parts = parts;
  }

  transmit(slot: number): void {
    const { sender, identity, groups, neighbours } = this.#parts;
    const { view, bytes, stride, layout } = sender.memory;
    const at = slot * stride + layout.payload;
    neighbours.onKernelRequest(addressAt(view, at + DESTINATION), false);
    emitLinkAddress(identity.address, bytes, at + HEADER_LENGTH);
    const { kind, egress } = groups.broadcast!;
    sender.writeHeaders(slot, kind, ETHER_TYPE);
    egress.send(slot, HEADER_LENGTH + LINK_ADDRESS_LENGTH);
  }

  receive(view: DataView, base: number, length: number): undefined {
    const bytes = new Uint8Array(view.buffer, view.byteOffset + base, length);
    const from = parseLinkAddress(bytes, HEADER_LENGTH)!;
    this.#parts.neighbours.learn(addressAt(view, base + SOURCE), from, "reply");
    const frame = new Uint8Array(FRAME_HEADER_LENGTH + HEADER_LENGTH);
    viewOf(frame).setUint16(FRAME_HEADER_LENGTH - 2, ETHER_TYPE);
    frame.set(bytes.subarray(0, HEADER_LENGTH), FRAME_HEADER_LENGTH);
    this.#parts.netdev.writeBytes(frame);
  }

  request(): void {}

  announce(addresses: readonly IpAddress[]): void {
    announced.push(...addresses.map(String));
  }

  probe(): void {}

  clear(): void {}
}

/** Addresses passed to `announce()` of the family's translators. */
const announced: string[] = [];

/** Packets consist of four bytes (version, kind, flow), two 128-bit addresses, and a payload. */
const wideFamily: AddressFamily = {
  flowWords: 4,
  isOnLinkGroup: () => true,
  etherType: ETHER_TYPE,
  resolutionType: ETHER_TYPE,
  isResolution: (view, at, length) =>
    length > 1 && view.getUint8(at + 1) === RESOLUTION,
  translator: (parts) => new WideTranslator(parts),
  has: (address) => !address.isIpv4,
  flowKey(view, at, length, key) {
    if (!this.isPacket(view, at, length)) return false;
    for (let i = 0; i < 4; i++) {
      key[i] = view.getInt32(at + DESTINATION + 4 * i);
    }
    return true;
  },
  writeDestination(view, at, words) {
    for (let i = 0; i < 4; i++) {
      words[i] = view.getInt32(at + DESTINATION + 4 * i);
    }
  },
  flow: (view, at) => ({
    destination: addressAt(view, at + DESTINATION),
    source: addressAt(view, at + SOURCE),
    tos: 0,
    protocol: view.getUint8(at + 1),
    sourcePort: 0,
    destinationPort: 0,
  }),
  flowHash: (view, at) => view.getUint16(at + 2),
  isMulticast: ({ w0 }) => w0 >>> 24 === 0xff,
  allHosts: IpAddress.parse("ff02::1")!,
  mgid: (group, broadcast) => mgidOf(group, broadcast),
  isPacket: (view, at, length) =>
    length >= HEADER_LENGTH && view.getUint8(at) >> 4 === VERSION,
  isDhcp: () => false,
  isReport: (view, at) => view.getUint8(at + 1) === 2,
  isToGroup: (view, at) => view.getUint8(at + DESTINATION) === 0xff,
  tooBig: () => undefined,
};

const [A, B, C] = ["fd00::1", "fd00::2", "fd00::3"].map(ipAddress) as [
  IpAddress,
  IpAddress,
  IpAddress,
];
const GATEWAYS = [B, C];
const GROUP = ipAddress("ff02::1:2");

function wideFrame(
  from: IpAddress,
  to: IpAddress,
  { flow = 0, kind = 1 } = {},
): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_LENGTH + HEADER_LENGTH + 5);
  const view = viewOf(frame);
  view.setUint16(FRAME_HEADER_LENGTH - 2, ETHER_TYPE);
  frame.set([VERSION << 4, kind], FRAME_HEADER_LENGTH);
  view.setUint16(FRAME_HEADER_LENGTH + 2, flow);
  frame.set(from.bytes(), FRAME_HEADER_LENGTH + SOURCE);
  frame.set(to.bytes(), FRAME_HEADER_LENGTH + DESTINATION);
  frame.set(new TextEncoder().encode("bytes"), frame.length - 5);
  return frame;
}

/**
 * A device whose kernel routes 128-bit addresses: fd00::/16 on the link, the rest of fd00::/8 through both gateways.
 */
function wideNetdev(
  options: ConstructorParameters<typeof FakeNetdev>[0],
): FakeNetdev {
  const netdev = new FakeNetdev(options);
  const { config } = netdev;
  const route = config.route.bind(config);
  config.route = (flow): Route => {
    const { destination: nextHop } = flow;
    if (nextHop.isIpv4) return route(flow);
    const onLink = nextHop.w0 >>> 16 === 0xfd00;
    const legs = (onLink ? [nextHop] : GATEWAYS).map((nextHop) => ({
      nextHop,
      weight: 1,
    }));
    return { type: "unicast", legs };
  };
  return netdev;
}

/** Three hosts with both families and no neighbours of the second. */
function unresolvedHosts(): { rig: Rig; a: Host; b: Host; c: Host } {
  const rig = new Rig();
  const [a, b, c] = [1, 2, 3].map((n) =>
    rig.host({
      address: `10.0.0.${n}`,
      families: [ipv4Family, wideFamily],
      makeNetdev: wideNetdev,
    })
  ) as [Host, Host, Host];
  for (const host of [a, b, c]) host.posted();
  return { rig, a, b, c };
}

/** Three hosts with static neighbours of the second family. */
function hosts(): { rig: Rig; a: Host; b: Host; c: Host } {
  const { rig, a, b, c } = unresolvedHosts();
  a.link.neighbours.hold(B, b.address);
  a.link.neighbours.hold(C, c.address);
  b.link.neighbours.hold(A, a.address);
  for (const host of [a, b, c]) host.posted();
  return { rig, a, b, c };
}

function send(host: Host, ...frames: Uint8Array[]): void {
  host.netdev.inject(...frames);
  host.rig.settle();
}

Deno.test("packets of a second family pass in both directions, together with IPv4", () => {
  const { rig, a, b } = hosts();
  const there = wideFrame(A, B);
  const back = wideFrame(B, A);
  send(a, there);
  a.send(ipv4Frame("10.0.0.1", "10.0.0.2"));
  send(b, back);
  const [first] = a.posted();
  assertEquals(first!.encap, encapWord(ETHER_TYPE));
  assertEquals(first!.ethernet, hex("020000000001 020000000002 88b5"));
  assertEquals(first!.payload, packetOf(there));
  const [wide, ipv4, ...others] = b.received();
  assertEquals([wide, ipv4![0]! >> 4, others], [packetOf(there), 4, []]);
  assertEquals(a.received(), [packetOf(back)]);
  assertEquals([a.drops, b.drops], [{}, {}]);
  rig.check();
});

Deno.test("addresses of a second family are resolved by its own packets, together with ARP", () => {
  const { rig, a, b } = unresolvedHosts();
  const request = wideFrame(A, B, { kind: RESOLUTION });
  const reply = wideFrame(B, A, { kind: RESOLUTION });
  send(a, request);
  assertEquals(b.received(), [packetOf(request).subarray(0, HEADER_LENGTH)]);
  send(b, reply);
  assertEquals(a.received(), [packetOf(reply).subarray(0, HEADER_LENGTH)]);
  a.posted();
  send(a, wideFrame(A, B));
  assertEquals(a.posted().map(({ destQpn }) => destQpn), [b.link.qpn]);
  assertEquals(b.received(), [packetOf(wideFrame(A, B))]);
  a.send(ipv4Frame("10.0.0.1", "10.0.0.2"));
  assertEquals(b.received().length, 1);
  rig.check();
});

Deno.test("a second family's addresses are announced and its memberships joined", () => {
  const { rig, a } = unresolvedHosts();
  const { config } = a.netdev;
  announced.length = 0;
  config.addresses = [...config.addresses, {
    address: A,
    prefixLength: 64,
    broadcast: undefined,
    scope: 0,
    secondary: false,
  }];
  config.emit("address");
  assertEquals(announced, [String(A)]);
  config.memberships = [...config.memberships, GROUP];
  config.emit("membership");
  rig.settle();
  const mgid = mgidOf(GROUP, a.link.broadcastMgid);
  const joined = a.link.groups.entries().map((group) => formatGid(group.mgid));
  assertEquals(joined.includes(formatGid(mgid)), true);
  rig.check();
});

Deno.test("a second family's groups are mapped to MGIDs by the family", () => {
  const { rig, a, b } = hosts();
  const frame = wideFrame(A, GROUP);
  const mgid = mgidOf(GROUP, a.link.broadcastMgid);
  b.link.groups.setWanted([mgid], 0, rig.reactor.clock.now());
  rig.settle();
  send(a, frame);
  const [packet] = a.posted();
  assertEquals(packet!.handle.grh!.dgid, mgid);
  assertEquals(packet!.ethernet, hex("01005e000000 020000000002 88b5"));
  assertEquals(b.received(), [packetOf(frame)]);
  assertEquals(b.totals.multicast, 1);
  rig.check();
});

Deno.test("a second family's flows are distributed over the legs of a route", () => {
  const { rig, a, b, c } = hosts();
  const far = ipAddress("fdff::9");
  for (let flow = 0; flow < 32; flow++) send(a, wideFrame(A, far, { flow }));
  const got = [b.received().length, c.received().length];
  assertEquals([got[0]! + got[1]!, got.every((n) => n > 6)], [32, true]);
  rig.check();
});

Deno.test("families that share the next hops of routes each distribute their own flows", () => {
  const { rig, a, b, c } = hosts();
  const { config } = a.netdev;
  const legs = GATEWAYS.map((nextHop) => ({ nextHop, weight: 1 }));
  config.addRoute(ip("192.168.0.0"), 16, { type: "unicast", legs });
  const wide = (flow: number) => wideFrame(A, ipAddress("fdff::9"), { flow });
  const ipv4 = (length: number) => {
    const payload = new Uint8Array(8 + length);
    return ipv4Frame("10.0.0.1", "192.168.7.7", { payload });
  };
  const sendAll = (frameOf: (n: number) => Uint8Array) => {
    for (let n = 0; n < 16; n++) send(a, frameOf(n));
    return [b.received().length, c.received().length].sort((x, y) => x - y);
  };
  for (const first of [wide, ipv4]) {
    config.emit("route");
    send(a, first(0));
    sendAll(() => first(0));
    assertEquals(sendAll(ipv4), [0, 16], "packets of one IPv4 flow");
    assertEquals(sendAll(() => wide(7)), [0, 16], "packets of one wide flow");
    assertEquals(sendAll(wide)[0]! > 0, true, "packets of 16 wide flows");
  }
  rig.check();
});

Deno.test("malformed packets and membership reports of a second family are recognized by the family", () => {
  const { rig, a, b } = hosts();
  const strange = wideFrame(A, B);
  strange[FRAME_HEADER_LENGTH] = 0x40;
  send(a, strange, wideFrame(A, B).slice(0, FRAME_HEADER_LENGTH + 35));
  assertEquals(a.drops, { tx_malformed: 2 });
  b.port.inject({
    handle: { dlid: a.port.attributes.lid, sl: 0, staticRate: 0 },
    destQpn: a.link.qpn,
    qkey: QKEY,
    encap: encapWord(ETHER_TYPE),
    payload: packetOf(strange),
  });
  rig.settle();
  assertEquals(a.drops, { tx_malformed: 2, rx_malformed: 1 });
  const { reports } = a.netdev;
  send(a, wideFrame(A, GROUP, { kind: 2 }));
  assertEquals(reports.length, 1);
  rig.check();
});

Deno.test("packets of a family that is not supported are of an unknown type", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  send(a, wideFrame(A, B));
  b.port.inject({
    handle: { dlid: a.port.attributes.lid, sl: 0, staticRate: 0 },
    destQpn: a.link.qpn,
    qkey: QKEY,
    encap: encapWord(ETHER_TYPE),
    payload: packetOf(wideFrame(B, A)),
  });
  rig.settle();
  assertEquals(a.drops, { tx_unknown_type: 1, rx_unknown_type: 1 });
  rig.check();
});
