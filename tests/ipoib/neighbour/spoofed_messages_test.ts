/**
 * Messages of a host about addresses of others: the neighbour table may change only where the kernel, which resolves,
 * changes its own entry by the same message (Linux ndisc.c, arp.c).
 */

import { assertEquals } from "@std/assert";
import { encapWord, EtherType } from "../../../src/wire/encap.ts";
import {
  EthernetKind,
  ethernetKind,
  FRAME_HEADER_LENGTH,
} from "../../../src/wire/ethernet.ts";
import { icmpv6Checksum } from "../../../src/wire/checksum.ts";
import { arpRequest, emitArp } from "../../../src/wire/arp.ts";
import { IpAddress } from "../../../src/wire/ip_address.ts";
import type { LinkAddress } from "../../../src/wire/link_address.ts";
import { NaFlag, NdType } from "../../../src/wire/neighbour_discovery.ts";
import { VNET_HEADER_LENGTH } from "../../../src/wire/vnet.ts";
import { hex, ipAddress, viewOf } from "../../wire/support.ts";
import {
  arpReply,
  type Host,
  ip as ipv4,
  ipv4Frame,
  QKEY,
  Rig,
} from "../rig.ts";
import { muteKernel, transmit } from "./kernel_arp.ts";
import {
  A,
  B,
  deliver,
  hosts,
  kernelFrame,
  linkMessage,
  resolve,
} from "./kernel_nd.ts";

const {
  RouterSolicitation,
  RouterAdvertisement,
  NeighbourSolicitation,
  NeighbourAdvertisement,
  Redirect,
} = NdType;
const OTHERS = "fe80::c";
/** Offsets of the addresses in a packet. */
const SOURCE = 8;
const DESTINATION = 24;
const TARGET = 48;
const { Solicited, Override } = NaFlag;

/** Host `a` with the resolved neighbour `b`, and a spoofer. The lock time of the neighbour is over. */
function setup() {
  const { rig, a, b } = hosts();
  const spoofer = rig.host({ address: "10.0.0.66" });
  resolve({ a, b });
  rig.advance(1001);
  const peerOf = (address: string): LinkAddress | undefined =>
    a.link.neighbours.find(ipAddress(address))?.peer?.address;
  const spoof = (fields: Parameters<typeof linkMessage>[0]) => {
    a.received();
    deliver(a, spoofer, linkMessage(fields, spoofer.address));
  };
  return { rig, a, b, spoofer, peerOf, spoof };
}

Deno.test("a solicitation changes the address of its source only when the kernel replies", () => {
  const { rig, a, b, spoofer, peerOf, spoof } = setup();
  const ask = (target: string) =>
    spoof({ type: NeighbourSolicitation, source: B, target });
  ask(OTHERS);
  ask(A);
  assertEquals(peerOf(B), b.address);
  const reply = { type: NeighbourAdvertisement, source: A, flags: Solicited };
  transmit(a, kernelFrame({ ...reply, destination: B, target: A }));
  assertEquals(peerOf(B), spoofer.address);
  rig.check();
});

Deno.test("a solicitation for which the kernel does not reply creates no neighbour", () => {
  const { rig, a, spoof } = setup();
  const { size } = a.link.neighbours;
  for (const source of [OTHERS, "::", A, "ff02::1"]) {
    spoof({ type: NeighbourSolicitation, source, target: A });
  }
  assertEquals(a.link.neighbours.size, size);
  rig.check();
});

Deno.test("an advertisement creates no neighbour, and without the override flag changes none", () => {
  const { rig, a, b, peerOf, spoof } = setup();
  for (const flags of [0, Override, Solicited, Solicited | Override]) {
    spoof({ type: NeighbourAdvertisement, target: OTHERS, flags });
  }
  for (const flags of [0, Solicited]) {
    spoof({ type: NeighbourAdvertisement, target: B, flags });
  }
  assertEquals([peerOf(OTHERS), peerOf(B)], [undefined, b.address]);
  assertEquals(a.link.neighbours.find(ipAddress(OTHERS)), undefined);
  rig.check();
});

Deno.test("an unsolicited advertisement with the override flag changes a neighbour, as in the kernel", () => {
  const { rig, spoofer, peerOf, spoof } = setup();
  const flags = Override;
  const destination = "ff02::1";
  spoof({ type: NeighbourAdvertisement, destination, target: B, flags });
  assertEquals(peerOf(B), spoofer.address);
  rig.check();
});

Deno.test("an advertisement to a group that is marked as solicited changes nothing", () => {
  const { rig, b, peerOf, spoof } = setup();
  const flags = Override | Solicited;
  const destination = "ff02::1";
  spoof({ type: NeighbourAdvertisement, destination, target: B, flags });
  assertEquals(peerOf(B), b.address);
  rig.check();
});

Deno.test("an advertisement of an own address or of a group changes nothing", () => {
  const { rig, a, spoof } = setup();
  const { size } = a.link.neighbours;
  for (const target of [A, "ff02::1", "::"]) {
    spoof({ type: NeighbourAdvertisement, target, flags: Override });
  }
  assertEquals(a.link.neighbours.size, size);
  rig.check();
});

Deno.test("router solicitations and redirects change no neighbour", () => {
  const { rig, a, b, peerOf, spoof } = setup();
  const { size } = a.link.neighbours;
  spoof({ type: RouterSolicitation, source: B, target: "::" });
  for (const target of [B, OTHERS]) {
    // The sender is neither the next hop of a route nor a router.
    for (const source of ["fe80::66", B, "fd00::66"]) {
      spoof({ type: Redirect, source, target });
    }
  }
  assertEquals([peerOf(B), a.link.neighbours.size], [b.address, size]);
  assertEquals(a.received().length, 1, "the kernel receives the last message");
  // An unresolved neighbour stays unresolved.
  transmit(a, kernelFrame({ target: OTHERS }));
  spoof({ type: Redirect, source: B, target: OTHERS });
  spoof({ type: RouterSolicitation, source: OTHERS, target: "::" });
  assertEquals(peerOf(OTHERS), undefined);
  rig.check();
});

Deno.test("a router advertisement from a source that is not link-local creates no neighbour", () => {
  const { rig, a, spoof } = setup();
  const { size } = a.link.neighbours;
  for (const source of ["fd00::66", "2001:db8::1", "ff02::1", "::", A]) {
    spoof({ type: RouterAdvertisement, source, target: "::" });
  }
  assertEquals(a.link.neighbours.size, size);
  spoof({ type: RouterAdvertisement, source: "fe80::66", target: "::" });
  assertEquals(a.link.neighbours.size, size + 1);
  rig.check();
});

Deno.test("messages with v4-mapped addresses are malformed and change no IPv4 neighbour", () => {
  const { rig, a, b, spoofer } = setup();
  a.send(ipv4Frame("10.0.0.1", "10.0.0.2"));
  rig.advance(1001);
  const mapped = hex("00000000 00000000 0000ffff 0a000002");
  const messages = [
    [{ type: NeighbourAdvertisement, flags: Override }, TARGET],
    [{ type: NeighbourSolicitation, target: A }, SOURCE],
    [{ type: RouterAdvertisement, target: "::" }, SOURCE],
    [{ type: RouterSolicitation, target: "::" }, DESTINATION],
  ] as const;
  for (const [fields, at] of messages) {
    const packet = linkMessage(fields, spoofer.address);
    packet.set(mapped, at);
    const view = viewOf(packet);
    view.setUint16(42, 0);
    view.setUint16(42, icmpv6Checksum(view, 0, 40, packet.length - 40));
    deliver(a, spoofer, packet);
  }
  assertEquals(a.drops, { rx_malformed: messages.length });
  assertEquals(a.neighbour("10.0.0.2")?.peer?.address, b.address);
  rig.check();
});

Deno.test("a message with another host's GID changes no path", () => {
  const { rig, a, b, spoofer } = setup();
  const pathTo = () =>
    a.link.paths.entries().map(({ gid, record }) => [gid, record?.dlid]);
  const before = pathTo();
  const claim = { type: NeighbourAdvertisement, target: B, flags: Override };
  deliver(a, spoofer, linkMessage(claim, b.address));
  // The administrator is asked once per second at most, and its reply decides.
  rig.advance(60_000);
  assertEquals(pathTo(), before);
  rig.check();
});

/** Host `a` with the resolved IPv4 neighbour `b`, and a spoofer. The lock time of the neighbour is over. */
function ipv4Setup() {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const spoofer = rig.host({ address: "10.0.0.66" });
  a.send(ipv4Frame("10.0.0.1", "10.0.0.2"));
  rig.advance(1001);
  const written = muteKernel(a);
  const peer = () => a.neighbour("10.0.0.2")?.peer?.address;
  return { rig, a, b, spoofer, written, peer };
}

Deno.test("ARP packets about addresses without an entry, own and multicast addresses create no neighbour", () => {
  const { rig, a, spoofer } = ipv4Setup();
  const { size } = a.link.neighbours;
  const addresses = ["10.0.0.1", "10.0.0.9", "0.0.0.0", "239.0.0.1"];
  for (const sender of addresses) {
    for (const target of addresses) {
      const arp = arpRequest(spoofer.address, ipv4(sender), ipv4(target));
      a.receiveArp(spoofer, arp);
      a.receiveArp(spoofer, arpReply(arp, spoofer.address));
    }
  }
  assertEquals(a.link.neighbours.size, size);
  rig.check();
});

/** Delivers an ARP packet that was sent to the broadcast group. */
function broadcastArp(from: Host, to: Host, payload: Uint8Array): void {
  const { record } = to.link.groups.broadcast!;
  from.port.inject({
    handle: {
      dlid: record!.mlid,
      sl: 0,
      staticRate: 0,
      grh: {
        dgid: record!.mgid,
        flowLabel: 0,
        hopLimit: 0,
        trafficClass: 0,
        sgidIndex: 0,
      },
    },
    destQpn: 0xffffff,
    sourceQpn: from.link.qpn,
    qkey: QKEY,
    encap: encapWord(EtherType.Arp),
    payload,
  });
  to.rig.settle();
}

Deno.test("a broadcast reply is passed to the kernel as broadcast, so that it confirms no neighbour", () => {
  const { rig, a, b, spoofer, written } = ipv4Setup();
  const request = arpRequest(a.address, ipv4("10.0.0.1"), ipv4("10.0.0.2"));
  const reply = arpReply(request, b.address);
  const payload = new Uint8Array(56);
  emitArp(reply, viewOf(payload), 0);
  broadcastArp(spoofer, a, payload);
  a.receiveArp(spoofer, reply);
  const kinds = written.map((frame) =>
    ethernetKind(viewOf(frame), VNET_HEADER_LENGTH)
  );
  assertEquals(kinds, [EthernetKind.Broadcast, EthernetKind.Host]);
  assertEquals(written[0]!.length, FRAME_HEADER_LENGTH + 16);
  rig.check();
});

Deno.test("an ARP packet with another host's GID changes no path", () => {
  const { rig, a, b, spoofer, peer } = ipv4Setup();
  const path = () => a.link.paths.entries().map(({ record }) => record?.dlid);
  const before = path();
  a.receiveArp(
    spoofer,
    arpRequest(b.address, ipv4("10.0.0.2"), ipv4("10.0.0.1")),
  );
  rig.advance(60_000);
  assertEquals([path(), peer()], [before, b.address]);
  assertEquals(
    a.link.neighbours.find(IpAddress.ipv4(ipv4("10.0.0.66"))),
    undefined,
  );
  rig.check();
});
