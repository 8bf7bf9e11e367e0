/** Test rig: hosts with the engine on the fake fabric, fake network devices, and a clock that the test advances. */

import { assert, assertEquals } from "@std/assert";
import type { EventRecord } from "../../src/base/events.ts";
import { EventSink } from "../../src/base/event_sink.ts";
import { configureLog, getLogger } from "../../src/base/log.ts";
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
import type { OtherHolders } from "../../src/sa/other_holders.ts";
import { PortMemberships } from "../../src/sa/port_memberships.ts";
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
import {
  carryConnectionMads,
  TestConnections,
} from "./connected/test_connections.ts";
import type { Mode } from "../../src/ipoib/connected/connected_mode.ts";
import { wrongSums } from "../statistics_sums.ts";
import { viewOf } from "../wire/support.ts";
import { FakeSubnet } from "./fake_subnet.ts";

/** Log lines of all hosts of the process; a new {@linkcode Rig} clears them. */
export const logLines: string[] = [];
let logTime = 0;
/** The log of all hosts, whose level a test may change. */
export const hostLog = configureLog("info", {
  write: (text) => void logLines.push(text.trimEnd()),
  // Each line falls into a new period, so that the log limiter drops none.
  now: () => logTime += PERIOD_MS,
});

/** Parses an IPv4 address; fails the test if `text` is not one. */
export function ip(text: string): number {
  const address = parseIpv4(text);
  assert(address !== undefined, `${text} is not an address`);
  return address;
}

/** Options of {@linkcode ipv4Frame}. */
export interface FrameOptions {
  protocol?: number;
  payload?: Uint8Array;
  vnet?: Uint8Array;
}

/** Returns a frame as the kernel sends it: virtio header, Ethernet header with zero addresses, IPv4 header, payload. */
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

/** Returns the packet of a frame, without virtio and Ethernet header. */
export function packetOf(frame: Uint8Array): Uint8Array {
  return frame.slice(FRAME_HEADER_LENGTH);
}

/** Returns the EtherType of an IPoIB packet. */
export function etherType(packet: PostedPacket): number {
  return packet.encap >>> 16;
}

/** Returns the reply to `request` by the owner of the target address. */
export function arpReply(request: Arp, ownAddress: LinkAddress): Arp {
  return {
    operation: ArpOperation.Reply,
    senderAddress: ownAddress,
    senderIp: request.targetIp,
    targetAddress: request.senderAddress,
    targetIp: request.senderIp,
  };
}

/** Returns the ARP packet in an IPoIB packet, or undefined. */
export function arpOf(packet: PostedPacket): Arp | undefined {
  return etherType(packet) === EtherType.Arp
    ? parseArp(viewOf(packet.payload), 0, packet.payload.length)
    : undefined;
}

/** Options of a {@linkcode Host}. */
export interface HostOptions extends FakePortOptions {
  address?: string;
  prefixLength?: number;
  pkeyIndex?: number;
  adminMtu?: number;
  /** False: the port is not registered with the subnet manager and keeps its initial state, "init" by default. */
  register?: boolean;
  /** The host is another program on the port of this one, which is registered; implies `register: false`. */
  beside?: Host;
  /** The other users of the port. Default: none. */
  others?: OtherHolders;
  families?: readonly AddressFamily[];
  maxGroups?: number;
  maxConnections?: number;
  recvQueueSize?: number;
  recvQueueShrinks?: boolean;
  mode?: Mode;
  makeNetdev?: (
    options: ConstructorParameters<typeof FakeNetdev>[0],
  ) => FakeNetdev;
}

/** Numbers of queue pairs that a program uses on a port that another one uses too. */
const QPNS_OF_A_PROGRAM = 0x100;

/** One host: a port with an IPoIB device. */
export class Host {
  readonly rig: Rig;
  readonly port: FakePort;
  readonly sa: SaClient;
  readonly memberships: PortMemberships;
  readonly device: IpoibDevice;
  readonly netdevs: FakeNetdev[] = [];
  /** State changes of all interfaces, as "NAME: STATE". */
  readonly states: string[] = [];
  /** Events of all interfaces. */
  readonly events: EventRecord[] = [];
  readonly #connections: TestConnections | undefined;

  constructor(rig: Rig, number: number, options: HostOptions) {
    this.rig = rig;
    const { reactor, fabric } = rig;
    const { beside } = options;
    this.port = fabric.addPort({
      ...{ state: "init", pkeys: [], ...options },
      ...(beside && {
        guid: beside.port.attributes.portGuid,
        lid: beside.port.attributes.lid,
        firstQpn: beside.link.qpn + QPNS_OF_A_PROGRAM,
      }),
    });
    const { port } = this;
    const { sa } = openSaClient(reactor, port, getLogger(`ib${number}`));
    this.sa = sa;
    this.memberships = new PortMemberships(sa, options.others);
    this.#connections = options.connections
      ? new TestConnections(reactor, port)
      : undefined;
    const make = options.makeNetdev ?? ((o) => new FakeNetdev(o));
    this.device = new IpoibDevice(
      {
        reactor,
        port,
        sa,
        memberships: this.memberships,
        events: new EventSink({
          emit: (event) => this.events.push(event),
          now: () => reactor.clock.now(),
          time: () => 0,
          wakeAfter: () => {},
        }),
        ...(options.families && { families: options.families }),
        ...(options.maxGroups && { maxGroups: options.maxGroups }),
        connections: this.#connections,
        maxConnections: options.maxConnections,
        recvQueueSize: options.recvQueueSize,
        recvQueueShrinks: options.recvQueueShrinks,
      },
      {
        name: `ib${number}`,
        pkeyIndex: options.pkeyIndex ?? 0,
        adminMtu: options.adminMtu,
        ...(options.mode && { mode: options.mode }),
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
    if (beside) rig.subnet?.share(port, beside.port);
    else if (options.register !== false) rig.subnet?.register(port);
  }

  /** Connection manager of the port. Fails the test if the port has none. */
  get connections(): TestConnections {
    assert(this.#connections, "The port has no connection management");
    return this.#connections;
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
  /** The sums of the counters of all interfaces that are wrong, as text. */
  get wrongSums(): string[] {
    return this.device.interfaces().flatMap((link) =>
      wrongSums(countersOf(link)).map((text) => `${link.name}: ${text}`)
    );
  }
  /** Link-layer address of the parent interface. */
  get address(): LinkAddress {
    return this.link.address;
  }

  /** Sends frames from the kernel's stack; the fabric delivers nothing yet. */
  inject(...frames: Uint8Array[]): void {
    this.netdev.send(...frames);
  }

  /** Sends frames from the kernel's stack and settles the rig. */
  send(...frames: Uint8Array[]): void {
    this.inject(...frames);
    this.rig.settle();
  }

  /** Returns the packets that reached the kernel's stack since the last call. */
  received(): Uint8Array[] {
    return this.netdev.takeWritten().map(packetOf);
  }

  /** Returns the packets that were posted since the last call. */
  posted(): PostedPacket[] {
    return this.port.posted.splice(0);
  }

  /** Returns the ARP packets that were posted since the last call; discards other packets. */
  arps(): Arp[] {
    return this.posted().map(arpOf).filter((arp) => arp !== undefined);
  }

  neighbour(address: string): Neighbour | undefined {
    return this.link.neighbours.find(IpAddress.ipv4(ip(address)));
  }

  /** Returns the kernel's state (NUD) of a neighbour. */
  nud(address: string): string | undefined {
    return this.netdev.config.neighbours.state(ip(address));
  }

  /** Delivers an ARP packet from another host by unicast. */
  receiveArp(from: Host, arp: Arp): void {
    this.injectArp(from, arp);
    this.rig.settle();
  }

  /** Sends an ARP packet from another host by unicast; the rig delivers it when it settles. */
  injectArp(from: Host, arp: Arp): void {
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
  }
}

/** Returns the counters of packets of an interface, as `ipoib ethtool -S` prints them. */
function countersOf(
  { statistics: { totals, drops, connections }, waiting, netdev }:
    IpoibInterface,
): Record<string, number> {
  return {
    ...totals.snapshot(),
    ...drops.snapshot(),
    too_big_sent: connections.get("too_big_sent"),
    tx_waiting: waiting,
    rx_writing: netdev.writing,
    tx_device_queue: 0,
  };
}

/** Q_Key of the embedded subnet's broadcast groups. */
export const QKEY = 0x0b1b;

/** A fabric with a subnet manager and hosts. */
export class Rig {
  readonly reactor = new FakeReactor();
  readonly fabric = new FakeFabric();
  readonly subnet: FakeSubnet | undefined;
  readonly hosts: Host[] = [];

  /** @param manager options of the embedded subnet manager; false: the test handles MADs with `fabric.onMad` */
  constructor(manager: Partial<SubnetManagerOptions> | false = {}) {
    this.subnet = manager === false
      ? undefined
      : new FakeSubnet(this.reactor, this.fabric, manager);
    carryConnectionMads(this.fabric);
    this.reactor.onTurnEnd(() => this.fabric.settle());
    // Polls the devices, level-triggered.
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

  /** Creates two running hosts, 10.0.0.1 and 10.0.0.2, and discards the packets posted so far. */
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

  /** Settles the rig and fails if the engine leaked a slot, misused the HCA, or has counters that do not add up. */
  check(): void {
    this.settle();
    assertEquals(this.fabric.misuse, []);
    for (const [i, { port, wrongSums }] of this.hosts.entries()) {
      assertEquals(wrongSums, [], `counters of host ${i + 1}`);
      assertEquals(port.send.free, port.send.slots, `slots of host ${i + 1}`);
    }
  }
}
