/** Random packets and events from kernel and fabric, in random order, make the engine neither throw nor leak a slot. */

import { assert, assertEquals } from "@std/assert";
import type { PortEvent } from "../../src/hca/hca.ts";
import { arpRequest, emitArp } from "../../src/wire/arp.ts";
import { DEVICE_ARP_LENGTH, emitDeviceArp } from "../../src/wire/device_arp.ts";
import { encapWord, EtherType } from "../../src/wire/encap.ts";
import { EthernetKind, FRAME_HEADER_LENGTH } from "../../src/wire/ethernet.ts";
import { writeEthernetHeader } from "../../src/wire/frame_header.ts";
import { VNET_HEADER_LENGTH } from "../../src/wire/vnet.ts";
import { FULL } from "../../scripts/test/form.ts";
import { mutate, random, viewOf } from "../wire/support.ts";
import {
  arpReply,
  type Host,
  ip,
  ipv4Frame,
  packetOf,
  QKEY,
  Rig,
} from "./rig.ts";
import { flushNeighbours } from "../../src/ipoib/neighbour/user_changes.ts";

const DESTINATIONS = [
  "10.0.0.1",
  "10.0.0.2",
  "10.0.0.3",
  "10.0.0.255",
  "255.255.255.255",
  "224.0.0.1",
  "239.1.2.3",
  "239.9.9.9",
  "192.168.1.1",
  "0.0.0.0",
];
const TYPES = [
  EtherType.Ipv4,
  EtherType.Ipv4,
  EtherType.Arp,
  EtherType.Arp,
  EtherType.Ipv6,
  EtherType.Rarp,
  0,
  0xffff,
];

function arpBytes(from: Host, next: (limit: number) => number): Uint8Array {
  const request = arpRequest(
    from.address,
    ip(DESTINATIONS[next(DESTINATIONS.length)]!),
    ip(DESTINATIONS[next(DESTINATIONS.length)]!),
  );
  const bytes = new Uint8Array(56);
  emitArp(
    next(2) ? request : arpReply(request, from.address),
    viewOf(bytes),
    0,
  );
  return bytes;
}

/** Returns an ARP frame of the kernel with random addresses. */
function arpFrame(next: (limit: number) => number): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_LENGTH + DEVICE_ARP_LENGTH);
  const kind = next(2) ? EthernetKind.Host : EthernetKind.Broadcast;
  writeEthernetHeader(viewOf(frame), VNET_HEADER_LENGTH, kind, EtherType.Arp);
  const arp = {
    operation: next(3),
    senderIp: ip(DESTINATIONS[next(DESTINATIONS.length)]!),
    targetIp: ip(DESTINATIONS[next(DESTINATIONS.length)]!),
  };
  emitDeviceArp(arp, viewOf(frame), FRAME_HEADER_LENGTH);
  return frame;
}

/** Applies a random change of the kernel's neighbour table. */
function disturbKernel(host: Host, next: (limit: number) => number): void {
  const { neighbours } = host.netdev.config;
  const address = ip(DESTINATIONS[next(3)]!);
  const changes = [
    () => neighbours.fail(address),
    () => neighbours.delete(address),
    () => neighbours.probe(address),
    () => neighbours.retry(),
    () => neighbours.set(address, "STALE"),
    () => neighbours.set(address, "PERMANENT"),
  ];
  changes[next(changes.length)]!();
}

function noise(next: (limit: number) => number, limit: number): Uint8Array {
  return Uint8Array.from({ length: next(limit) }, () => next(256));
}

/** Lets the random delays of the engine follow from the seed. */
function seedDelays(next: (limit: number) => number): Disposable {
  const { random } = Math;
  Math.random = () => next(1 << 30) / (1 << 30);
  return {
    [Symbol.dispose]: () => {
      Math.random = random;
    },
  };
}

const SEEDS = FULL
  ? Array.from({ length: 300 }, (_, seed) => seed)
  : [1, 4391, 4755];

for (const seed of SEEDS) {
  Deno.test(`the engine survives random frames and events (seed ${seed})`, () => {
    const next = random(seed);
    using _delays = seedDelays(random(seed));
    const rig = new Rig();
    const [a, b] = rig.pair();
    b.netdev.config.join(ip("239.1.2.3"));
    rig.fabric.lose = () => next(20) === 0;
    for (const { port } of [a, b]) port.deviceExists = () => next(3) === 0;
    rig.subnet!.lose = () => next(20) === 0;
    const sendFrames = (host: Host) => {
      const frame = ipv4Frame(
        DESTINATIONS[next(3)]!,
        DESTINATIONS[next(DESTINATIONS.length)]!,
        { protocol: [1, 2, 6, 17][next(4)]!, payload: noise(next, 64) },
      );
      host.inject(frame);
      // Mutated frames, and frames that bypass the kernel's neighbour resolution.
      host.netdev.inject(
        next(4) === 0 ? mutate(frame, next) : frame,
        noise(next, 60),
        arpFrame(next),
      );
    };
    const rawPacket = (from: Host, to: Host) => {
      const payload = [
        () => arpBytes(from, next),
        () => mutate(arpBytes(from, next), next),
        () => mutate(packetOf(ipv4Frame("10.0.0.3", "10.0.0.1")), next),
        () => noise(next, 2100),
      ][next(4)]!();
      const { broadcast } = to.link.groups;
      const multicast = next(3) === 0 && broadcast?.record;
      from.port.inject({
        handle: {
          dlid: multicast ? broadcast.record!.mlid : to.port.attributes.lid,
          sl: 0,
          staticRate: 0,
          ...(multicast
            ? {
              grh: {
                dgid: broadcast.mgid,
                flowLabel: 0,
                hopLimit: 0,
                trafficClass: 0,
                sgidIndex: 0,
              },
            }
            : {}),
        },
        destQpn: next(10) ? to.link.qpn : next(0x1000000),
        sourceQpn: next(10) ? from.link.qpn : next(0x1000000),
        qkey: next(10) ? QKEY : next(0x7fffffff),
        pkey: next(10) ? 0xffff : next(0x10000),
        encap: encapWord(TYPES[next(TYPES.length)]!) | next(2),
        payload,
      });
    };
    const { manager } = rig.subnet!;
    const now = () => rig.reactor.clock.now();
    const emit =
      (type: Exclude<PortEvent["type"], "device_fatal">) => ({ port }: Host) =>
        port.emit({ type });
    const events: ((host: Host, guid: bigint) => void)[] = [
      emit("client_reregister"),
      emit("port_active"),
      emit("lid_change"),
      emit("pkey_change"),
      emit("gid_change"),
      emit("sm_change"),
      ({ port }) => {
        if (!port.lost) port.lose(rig.reactor, "it was removed");
      },
      (_host, guid) => manager.moveLid(guid, undefined, now()),
      (_host, guid) => manager.setPortState(guid, "down", now()),
      (_host, guid) => manager.setPortState(guid, "active", now()),
      (_host, guid) => manager.setPkeys(guid, [0x8001, 0xffff], now()),
      (_host, guid) => manager.setPkeys(guid, undefined, now()),
    ];
    for (let step = 0; step < 1500; step++) {
      const [one, other] = next(2) ? [a, b] as const : [b, a] as const;
      sendFrames(one);
      rawPacket(one, other);
      if (next(5) === 0) one.port.postResult = next(5) as 0;
      else one.port.postResult = 0;
      if (next(40) === 0) {
        events[next(events.length)]!(one, one.port.attributes.portGuid);
      }
      if (next(15) === 0) {
        const { portGuid } = one.port.attributes;
        manager.setPortState(portGuid, "active", now());
        manager.setPkeys(portGuid, undefined, now());
      }
      if (next(30) === 0) one.netdev.change({ up: next(3) > 0 });
      if (next(10) === 0) disturbKernel(one, next);
      if (next(30) === 0) {
        one.port.send.withhold = (["nothing", "normal", "all"] as const)[
          next(3)
        ]!;
      }
      if (next(25) === 0) one.netdev.config.join(ip("239.9.9.9"));
      if (next(25) === 0) one.netdev.config.leave(ip("239.9.9.9"));
      if (next(50) === 0) flushNeighbours(one.link);
      rig.settle();
      if (next(4) === 0) rig.advance(next(3000));
    }
    // After the disturbances end, traffic must work again.
    rig.fabric.lose = () => false;
    rig.subnet!.lose = () => false;
    for (const host of [a, b]) {
      const { portGuid } = host.port.attributes;
      host.port.deviceExists = () => true;
      manager.setPortState(portGuid, "active", now());
      manager.setPkeys(portGuid, [0xffff], now());
      rig.settle();
      host.port.send.withhold = "nothing";
      host.port.postResult = 0;
      host.netdev.change({ up: true });
      assert(Object.keys(host.drops).length > 5, "drop reasons covered");
    }
    rig.advance(120_000);
    for (const host of [a, b]) {
      assertEquals([host.link.state, host.netdev.paused], ["running", false]);
      host.send();
      assertEquals(host.netdev.waiting, 0);
      const { neighbours } = host.netdev.config;
      for (const { address } of neighbours.list()) {
        neighbours.delete(address.w3);
      }
    }
    for (const host of [a, b]) host.received();
    a.send(ipv4Frame("10.0.0.1", "10.0.0.2"));
    rig.advance(1000);
    assertEquals(b.received().length, 1);
    rig.check();
    for (const host of [a, b]) {
      const { totals, drops } = host.link.statistics;
      const sum = (prefix: string) =>
        Object.entries(drops.snapshot()).reduce(
          (all, [name, count]) => name.startsWith(prefix) ? all + count : all,
          0,
        );
      assertEquals(totals.get("tx_dropped"), sum("tx_"));
      assertEquals(totals.get("rx_dropped"), sum("rx_"));
    }
  });
}

Deno.test("malformed packets are counted as receive errors", () => {
  const rig = new Rig();
  const [a, b] = rig.pair();
  const send = (type: number, payload: Uint8Array) =>
    b.port.inject({
      handle: { dlid: a.port.attributes.lid, sl: 0, staticRate: 0 },
      destQpn: a.link.qpn,
      qkey: QKEY,
      encap: encapWord(type),
      payload,
    });
  const short = packetOf(ipv4Frame("10.0.0.2", "10.0.0.1")).slice(0, 19);
  const wrongVersion = packetOf(ipv4Frame("10.0.0.2", "10.0.0.1"));
  wrongVersion[0] = 0x55;
  const arp = arpBytes(b, random(1));
  const ethernet = arp.slice();
  ethernet[1] = 1;
  send(EtherType.Ipv4, short);
  send(EtherType.Ipv4, wrongVersion);
  send(EtherType.Arp, arp.slice(0, 55));
  send(EtherType.Arp, ethernet);
  send(0x1234, arp);
  rig.settle();
  assertEquals(a.drops, { rx_malformed: 4, rx_unknown_type: 1 });
  assertEquals([a.totals.rx_errors, a.totals.rx_dropped], [4, 5]);
  assertEquals(a.received(), []);
  rig.check();
});

Deno.test("malformed frames of the device are dropped and counted", () => {
  const rig = new Rig();
  const [a] = rig.pair();
  const header = FRAME_HEADER_LENGTH;
  const cut = ipv4Frame("10.0.0.1", "10.0.0.2").slice(0, header + 19);
  const strange = ipv4Frame("10.0.0.1", "10.0.0.2");
  strange[header] = 0x35;
  const arp = arpFrame(() => 0);
  const cutArp = arp.slice(0, -1);
  const ethernet = arp.slice();
  ethernet[header + 1] = 1;
  const frames = [
    cut,
    strange,
    cutArp,
    ethernet,
    new Uint8Array(header),
    new Uint8Array(header - 1),
    new Uint8Array(3),
  ];
  a.netdev.inject(...frames);
  rig.settle();
  assertEquals(a.drops, { tx_malformed: frames.length });
  assertEquals(a.posted().length, 0);
  rig.check();
});
