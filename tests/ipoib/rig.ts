/** Hosts with the engine over the fake fabric, the fake netdev and a clock that the test moves. */

import { assert, assertEquals } from "@std/assert";
import { configureLog } from "../../src/base/log.ts";
import { PERIOD_MS } from "../../src/base/log_limiter.ts";
import {
  FakeFabric,
  type FakePort,
  type FakePortOptions,
  type PostedPacket,
} from "../../src/hca/fake.ts";
import { IpoibDevice } from "../../src/ipoib/device.ts";
import type { AddressFamily } from "../../src/ipoib/family/address_family.ts";
import type { IpoibInterface } from "../../src/ipoib/interface.ts";
import { openSaClient } from "../../src/ipoib/open_sa_client.ts";
import type { Neighbour } from "../../src/ipoib/neighbour/neighbour.ts";
import { FakeNetdev } from "../../src/netdev/fake.ts";
import type { SaClient } from "../../src/sa/client.ts";
import { Memberships } from "../../src/sa/memberships.ts";
import type { SubnetManagerOptions } from "../../src/subnet/manager.ts";
import { FakeReactor } from "../../src/system/fake_reactor.ts";
import {
  type Arp,
  ArpOperation,
  emitArp,
  parseArp,
} from "../../src/wire/arp.ts";
import { encapWord, EtherType } from "../../src/wire/encap.ts";
import { FRAME_HEADER_LENGTH } from "../../src/wire/ethernet.ts";
import { IpAddress } from "../../src/wire/ip_address.ts";
import { emitIpv4Header } from "../../scripts/packets/ipv4_header.ts";
import { IpProtocol } from "../../src/wire/ipv4.ts";
import { parseIpv4 } from "../../src/wire/ipv4_address.ts";
import type { LinkAddress } from "../../src/wire/link_address.ts";
import { viewOf } from "../wire/support.ts";
import { FakeSubnet } from "./fake_subnet.ts";

/** Lines of the log of this test file, all hosts. */
export const logLines: string[] = [];
let logTime = 0;
await configureLog("debug", {
  write: (text) => void logLines.push(text.trimEnd()),
  // Each line is in a period of its own, so that none is left out.
  now: () => logTime += PERIOD_MS,
});

/** The address in `text`, or a failure of the test. */
export function ip(text: string): number {
  const address = parseIpv4(text);
  assert(address !== undefined, `${text} is not an address`);
  return address;
}

/** What a frame is made of. */
export interface FrameOptions {
  protocol?: number;
  payload?: Uint8Array;
  vnet?: Uint8Array;
}

/** A frame of the kernel's stack: virtio header, Ethernet header without addresses, IPv4 header, payload. */
export function ipv4Frame(
  source: string,
  destination: string,
  { protocol = IpProtocol.Udp, payload = new Uint8Array(8), vnet }:
    FrameOptions = {},
): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_LENGTH + 20 + payload.length);
  if (vnet) frame.set(vnet);
  viewOf(frame).setUint16(FRAME_HEADER_LENGTH - 2, EtherType.Ipv4);
  emitIpv4Header(
    {
      source: ip(source),
      destination: ip(destination),
      protocol,
      payloadLength: payload.length,
    },
    viewOf(frame),
    FRAME_HEADER_LENGTH,
  );
  frame.set(payload, FRAME_HEADER_LENGTH + 20);
  return frame;
}

/** The packet of a frame. */
export function packetOf(frame: Uint8Array): Uint8Array {
  return frame.slice(FRAME_HEADER_LENGTH);
}

/** The EtherType of an IPoIB packet. */
export function etherType(packet: PostedPacket): number {
  return packet.encap >>> 16;
}

/** The answer to `request` by the owner of the address that it asks for. */
export function arpReply(request: Arp, ownAddress: LinkAddress): Arp {
  return {
    operation: ArpOperation.Reply,
    senderAddress: ownAddress,
    senderIp: request.targetIp,
    targetAddress: request.senderAddress,
    targetIp: request.senderIp,
  };
}

/** An IPoIB packet's ARP, or undefined. */
export function arpOf(packet: PostedPacket): Arp | undefined {
  return etherType(packet) === EtherType.Arp
    ? parseArp(viewOf(packet.payload), 0, packet.payload.length)
    : undefined;
}

/** How to make a {@linkcode Host}. */
export interface HostOptions extends FakePortOptions {
  address?: string;
  prefixLength?: number;
  pkeyIndex?: number;
  adminMtu?: number;
  /** False: the port stays in the state "init". */
  register?: boolean;
  families?: readonly AddressFamily[];
  maxGroups?: number;
  makeNetdev?: (
    options: ConstructorParameters<typeof FakeNetdev>[0],
  ) => FakeNetdev;
}

/** One process with an interface. */
export class Host {
  readonly rig: Rig;
  readonly port: FakePort;
  readonly sa: SaClient;
  readonly memberships: Memberships;
  readonly device: IpoibDevice;
  readonly netdevs: FakeNetdev[] = [];
  /** MADs that the port sent, by method and attribute: "02/38" is a join. */
  readonly states: string[] = [];

  constructor(rig: Rig, number: number, options: HostOptions) {
    this.rig = rig;
    const { reactor, fabric } = rig;
    this.port = fabric.addPort({ state: "init", pkeys: [], ...options });
    const { port } = this;
    const { sa } = openSaClient(reactor, port);
    this.sa = sa;
    this.memberships = new Memberships(sa);
    const make = options.makeNetdev ?? ((o) => new FakeNetdev(o));
    this.device = new IpoibDevice(
      {
        reactor,
        port,
        sa,
        memberships: this.memberships,
        ...(options.families && { families: options.families }),
        ...(options.maxGroups && { maxGroups: options.maxGroups }),
      },
      {
        name: `ib${number}`,
        pkeyIndex: options.pkeyIndex ?? 0,
        adminMtu: options.adminMtu,
        openNetdev: (name) => {
          const netdev = make({
            name,
            ifindex: 10 * number + this.netdevs.length,
            memory: port.send,
            resolve: (address, length) => fabric.resolve(address, length),
          });
          this.netdevs.push(netdev);
          return netdev;
        },
      },
    );
    this.device.onStateChange = (each) =>
      this.states.push(`${each.name}: ${each.state}`);
    if (options.address) {
      this.netdev.config.addAddress(
        ip(options.address),
        options.prefixLength ?? 24,
      );
    }
    if (options.register !== false) rig.subnet?.register(port);
  }

  get link(): IpoibInterface {
    return this.device.parent;
  }
  get netdev(): FakeNetdev {
    return this.netdevs[0]!;
  }
  get drops(): Record<string, number> {
    return this.link.statistics.dropsByReason();
  }
  get totals(): Record<string, number> {
    return this.link.statistics.totals.snapshot();
  }
  /** The interface's link-layer address. */
  get address(): LinkAddress {
    return this.link.address;
  }

  /** The kernel's stack sends frames; nothing is delivered yet. */
  inject(...frames: Uint8Array[]): void {
    this.netdev.send(...frames);
  }

  /** The kernel's stack sends frames, and everything that follows happens at once. */
  send(...frames: Uint8Array[]): void {
    this.inject(...frames);
    this.rig.settle();
  }

  /** IP packets that reached the kernel's stack. */
  received(): Uint8Array[] {
    return this.netdev.takeWritten().map(packetOf);
  }

  /** What was posted since the last call. */
  posted(): PostedPacket[] {
    return this.port.posted.splice(0);
  }

  /** ARP packets posted since the last call (other packets are forgotten). */
  arps(): Arp[] {
    return this.posted().map(arpOf).filter((arp) => arp !== undefined);
  }

  neighbour(address: string): Neighbour | undefined {
    return this.link.neighbours.find(IpAddress.ipv4(ip(address)));
  }

  /** State of a neighbour in the kernel. */
  nud(address: string): string | undefined {
    return this.netdev.config.neighbours.state(ip(address));
  }

  /** Another host's ARP packet reaches this one, by unicast. */
  hearArp(from: Host, arp: Arp): void {
    const payload = new Uint8Array(56);
    emitArp(arp, viewOf(payload), 0);
    from.port.inject({
      handle: { dlid: this.port.attributes.lid, sl: 0, staticRate: 0 },
      destQpn: this.link.qpn,
      sourceQpn: from.link.qpn,
      qkey: QKEY,
      encap: encapWord(EtherType.Arp),
      payload,
    });
    this.rig.settle();
  }
}

/** Q_Key of the embedded subnet's broadcast groups. */
export const QKEY = 0x0b1b;

/** A fabric, its manager and hosts. */
export class Rig {
  readonly reactor = new FakeReactor();
  readonly fabric = new FakeFabric();
  readonly subnet: FakeSubnet | undefined;
  readonly hosts: Host[] = [];

  /** @param manager false: MADs go to `fabric.onMad`, which the test scripts */
  constructor(manager: Partial<SubnetManagerOptions> | false = {}) {
    this.subnet = manager === false
      ? undefined
      : new FakeSubnet(this.reactor, this.fabric, manager);
    this.reactor.onTurnEnd(() => this.fabric.settle());
    // A level-triggered poll of the devices.
    this.reactor.addSleeper({
      beforeSleep: () => this.#readable().length > 0,
      afterSleep: () => {
        for (const netdev of this.#readable()) netdev.deliver();
      },
    });
    logLines.length = 0;
  }

  host(options: HostOptions = {}): Host {
    const number = this.hosts.length + 1;
    const host = new Host(this, number, options);
    this.hosts.push(host);
    this.settle();
    return host;
  }

  /** Two hosts that run, 10.0.0.1 and 10.0.0.2; the ARP of their beginning is forgotten. */
  pair(options: HostOptions = {}): [Host, Host] {
    const pair: [Host, Host] = [
      this.host({ address: "10.0.0.1", ...options }),
      this.host({ address: "10.0.0.2", ...options }),
    ];
    for (const host of pair) host.port.posted.length = 0;
    return pair;
  }

  settle(): void {
    this.reactor.settle();
  }

  advance(ms: number): void {
    this.reactor.advance(ms);
  }

  #readable(): FakeNetdev[] {
    return this.hosts.flatMap(({ netdevs }) => netdevs).filter((each) =>
      each.waiting > 0 && !each.paused && !each.closed
    );
  }

  /** Fails if the engine lost a slot or used the HCA wrongly. */
  check(): void {
    this.settle();
    assertEquals(this.fabric.misuse, []);
    for (const [i, { port }] of this.hosts.entries()) {
      assertEquals(port.send.free, port.send.slots, `slots of host ${i + 1}`);
    }
  }
}
