/**
 * One IPoIB interface: a P_Key of a port, with its own TUN and queue pair. A parent and a child differ in nothing here.
 *
 * Life of the link: the TUN is up, the port active, the P_Key in the port's table; then the queue pair is made
 * and the broadcast group joined; then the link has its Q_Key and MTU, carrier goes on, and everything
 * else begins. Events of the port take it back as far as ib_ipoib's flushes do (Linux ipoib_verbs.c):
 *
 * | event                                  | flush  | effect                                                     |
 * |----------------------------------------|--------|------------------------------------------------------------|
 * | client reregister                      | light  | groups joined again, paths asked again, both used meanwhile |
 * | port active, port error, LID change    | normal | carrier off, groups left, paths dropped, then up again     |
 * | P_Key change                           | heavy  | the same with a new queue pair, if our P_Key or its index changed |
 */

import { getLogger, type Logger } from "../base/log.ts";
import { FULL_MEMBER, ibMtuBytes, type Millis } from "../base/units.ts";
import type { PortEvent, UdQp } from "../hca/hca.ts";
import type { ConfigChange, Netdev } from "../netdev/netdev.ts";
import { type Arp, ARP_LENGTH, emitArp } from "../wire/arp.ts";
import { encapWord, EtherType } from "../wire/encap.ts";
import { formatIpv4 } from "../wire/ipv4_address.ts";
import type { LinkAddress } from "../wire/link_address.ts";
import { broadcastMgid, ipv4Mgid } from "../wire/mgid.ts";
import type { McMemberRecord } from "../wire/sa/mc_member_record.ts";
import { VNET_HEADER_LENGTH } from "../wire/vnet.ts";
import {
  DEFAULT_RECV_QUEUE,
  DEFAULT_SEND_QUEUE,
  MULTICAST_QPN,
} from "./constants.ts";
import type { EngineContext } from "./context.ts";
import { reportHostUnreachable } from "./host_unreachable.ts";
import { linkState, RUNNING } from "./link_state.ts";
import { effectiveMtu } from "./mtu.ts";
import { type GroupHost, GroupTable } from "./multicast/group_table.ts";
import { ArpEngine } from "./neighbour/arp.ts";
import type { Neighbour } from "./neighbour/neighbour.ts";
import {
  type NeighbourHost,
  NeighbourTable,
} from "./neighbour/neighbour_table.ts";
import { NextHopCache } from "./neighbour/next_hop.ts";
import type { WaitingPacket } from "./packet_queue.ts";
import { type PathQuery, PathTable } from "./path.ts";
import { Receiver } from "./rx.ts";
import { Statistics } from "./statistics.ts";
import { Transmitter } from "./tx.ts";

const ENCAP_ARP = encapWord(EtherType.Arp);

/** Which P_Key an interface has: a place in the port's table (parent), or a value (child). */
export type PkeyChoice = { index: number } | { value: number };

export interface InterfaceOptions {
  netdev: Netdev;
  pkey: PkeyChoice;
  /** MTU that the administrator asks for. */
  adminMtu: number | undefined;
}

export class IpoibInterface {
  readonly netdev: Netdev;
  readonly statistics = new Statistics();
  readonly neighbours: NeighbourTable;
  readonly paths: PathTable;
  readonly groups: GroupTable;
  readonly log: Logger;
  adminMtu: number | undefined;
  /** Called when {@linkcode state} changed. */
  onStateChange: (state: string) => void = () => {};

  readonly #context: EngineContext;
  readonly #choice: PkeyChoice;
  readonly #hops: NextHopCache;
  readonly #arp: ArpEngine;
  readonly #transmitter: Transmitter;
  readonly #receiver: Receiver;
  readonly #timers: { close(): void }[] = [];
  #qp: UdQp | undefined;
  #pkey = 0;
  #pkeyIndex = -1;
  #state = "starting";
  #addresses = new Set<number>();
  #closed = false;

  constructor(context: EngineContext, options: InterfaceOptions) {
    const { netdev } = options;
    const { reactor, port } = context;
    this.#context = context;
    this.netdev = netdev;
    this.adminMtu = options.adminMtu;
    this.#choice = options.pkey;
    this.log = getLogger(netdev.name);
    this.paths = new PathTable(port, this.#pathQuery());
    this.neighbours = new NeighbourTable(this.#neighbourHost(), this.paths);
    this.groups = new GroupTable(this.#groupHost(), this.log);
    this.#arp = new ArpEngine(
      this.#arpLink(),
      netdev.config,
      this.neighbours,
      this.log,
    );
    this.#hops = new NextHopCache(netdev.config, {
      neighbour: (address, now) => this.neighbours.get(address, now),
      group: (address, now) => {
        const link = this.groups.broadcast;
        return link
          ? this.groups.toSend(ipv4Mgid(address, link.mgid), now)
          : undefined;
      },
      broadcast: () => this.groups.ready ? this.groups.broadcast : undefined,
    });
    this.#transmitter = new Transmitter({
      clock: reactor.clock,
      netdev,
      memory: port.send,
      neighbours: this.neighbours,
      groups: this.groups,
      hops: this.#hops,
      statistics: this.statistics,
    });
    this.#receiver = new Receiver(
      reactor.clock,
      netdev,
      this.statistics,
      (view, base, length, now) => this.#arp.receive(view, base, length, now),
    );
    netdev.onReadable = () => this.#transmit();
    netdev.config.onChange((change) => this.#onConfig(change));
    this.#evaluate();
  }

  get name(): string {
    return this.netdev.config.name;
  }

  /** With the full-member bit, as the driver shows it. */
  get pkey(): number {
    return this.#pkey | FULL_MEMBER;
  }

  /** Position in the port's table, or -1 while it is not there. */
  get pkeyIndex(): number {
    return this.#pkeyIndex;
  }

  get qpn(): number {
    return this.#qp?.qpn ?? 0;
  }

  /** "running", or what the interface waits for. */
  get state(): string {
    return this.#state;
  }

  get carrier(): boolean {
    return this.#state === RUNNING;
  }

  /** The interface's own link-layer address; datagram mode only, so no flag is set. */
  get address(): LinkAddress {
    return { flags: 0, qpn: this.qpn, gid: this.#context.port.attributes.gid };
  }

  /** The broadcast group's MGID. */
  get broadcastMgid(): Uint8Array {
    return broadcastMgid(this.pkey);
  }

  /** Slots are free again. */
  onCredit(): void {
    this.netdev.pause(false);
  }

  /** An event of the port. */
  onPortEvent(event: PortEvent): void {
    const now = this.#now();
    switch (event.type) {
      case "client_reregister":
        this.paths.doubtAll(now);
        this.groups.rejoin(now);
        break;
      case "port_active":
      case "port_error":
      case "lid_change":
        this.#closeLink(now);
        break;
      case "pkey_change":
        if (this.#pkeyChanged()) this.#closeLink(now);
        break;
      case "gid_change":
      case "sm_change":
      case "device_fatal":
        break;
    }
    this.#evaluate();
  }

  /** Asks for an MTU; the group's may rule all the same. */
  setAdminMtu(mtu: number): void {
    this.adminMtu = mtu;
    this.#applyMtu();
  }

  /** Forgets neighbours: one, or all; returns how many. */
  flushNeighbours(address?: number): number {
    return this.neighbours.flush(address);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#closeLink(this.#now());
    this.netdev.setCarrier(false);
    for (const timer of this.#timers) timer.close();
    this.netdev.close();
  }

  // The link ------------------------------------------------------------------------------------------------

  /** Brings the link as far as it can get now. */
  #evaluate(): void {
    if (this.#closed) return;
    const { port } = this.#context;
    const { config } = this.netdev;
    this.#findPkey();
    const possible = config.up && port.attributes.state === "active" &&
      this.#pkeyIndex >= 0;
    if (possible && !this.#qp) this.#openLink(this.#now());
    else if (!possible && this.#qp) this.#closeLink(this.#now());
    this.#updateState();
  }

  #findPkey(): void {
    const { pkeys } = this.#context.port.attributes;
    if ("index" in this.#choice) {
      const { index } = this.#choice;
      this.#pkey = pkeys[index] ?? this.#pkey;
      this.#pkeyIndex = pkeys[index] ? index : -1;
      return;
    }
    this.#pkey = this.#choice.value;
    this.#pkeyIndex = indexOfPkey(pkeys, this.#choice.value);
  }

  #pkeyChanged(): boolean {
    const [pkey, index] = [this.#pkey, this.#pkeyIndex];
    this.#findPkey();
    return pkey !== this.#pkey || index !== this.#pkeyIndex;
  }

  #openLink(now: Millis): void {
    const { port } = this.#context;
    this.#qp = port.createUdQp({
      pkeyIndex: this.#pkeyIndex,
      sendQueueSize: DEFAULT_SEND_QUEUE,
      recvQueueSize: DEFAULT_RECV_QUEUE,
    });
    this.#receiver.ownLid = port.attributes.lid;
    this.#receiver.attach(this.#qp);
    this.groups.start(this.broadcastMgid, now);
    this.#followMemberships();
  }

  #closeLink(now: Millis): void {
    if (!this.#qp) return;
    this.groups.stop(now);
    this.neighbours.flush();
    this.paths.flush();
    this.#hops.clear();
    this.#transmitter.qp = undefined;
    this.#receiver.attach(undefined);
    this.#qp.close();
    this.#qp = undefined;
    this.#addresses.clear();
    this.#updateState();
  }

  #updateState(): void {
    const state = linkState({
      up: this.netdev.config.up,
      port: this.#context.port.attributes,
      pkey: this.pkey,
      pkeyIndex: this.#pkeyIndex,
      broadcast: this.groups.broadcast,
    });
    if (state === this.#state) return;
    const was = this.carrier;
    this.#state = state;
    if (was !== this.carrier) this.netdev.setCarrier(this.carrier);
    this.log.info(this.carrier ? "link is up" : `link is down: ${state}`);
    this.onStateChange(state);
  }

  #onBroadcast(record: McMemberRecord): void {
    if (!this.#qp) return;
    this.#qp.setQkey(record.qkey);
    this.#transmitter.qkey = record.qkey;
    this.#transmitter.qp = this.#qp;
    this.#hops.clear();
    this.#applyMtu();
    this.#updateState();
    this.#followAddresses();
  }

  #applyMtu(): void {
    const { attributes } = this.#context.port;
    const group = ibMtuBytes(this.groups.broadcast?.record?.mtu ?? 0);
    const mtu = effectiveMtu(attributes.activeMtu, group, this.adminMtu);
    if (mtu !== this.netdev.config.mtu) this.netdev.setMtu(mtu);
  }

  // The kernel's configuration ------------------------------------------------------------------------------

  #onConfig(change: ConfigChange): void {
    switch (change) {
      case "link":
        this.#evaluate();
        this.#followMtu();
        break;
      case "address":
        this.#hops.clear();
        this.#followAddresses();
        break;
      case "route":
        this.#hops.clear();
        break;
      case "membership":
        this.#followMemberships();
        break;
      case "gone":
        this.log.warn("the network device was deleted");
        this.onStateChange("gone");
        break;
    }
  }

  /** The administrator changed the device's MTU: it counts as far as the group allows. */
  #followMtu(): void {
    if (!this.carrier) return;
    const { attributes } = this.#context.port;
    const group = ibMtuBytes(this.groups.broadcast?.record?.mtu ?? 0);
    const { mtu } = this.netdev.config;
    if (mtu === effectiveMtu(attributes.activeMtu, group, this.adminMtu)) {
      return;
    }
    this.adminMtu = mtu;
    this.#applyMtu();
  }

  #followMemberships(): void {
    const link = this.groups.broadcast;
    if (!link) return;
    const mgids = [...this.netdev.config.memberships].map((group) =>
      ipv4Mgid(group, link.mgid)
    );
    this.groups.setWanted(mgids, this.#now());
  }

  /** Announces addresses that are new on the link. */
  #followAddresses(): void {
    if (!this.carrier) return;
    const current = new Set(
      this.netdev.config.addresses.map(({ address }) => address),
    );
    const fresh = [...current].filter((a) => !this.#addresses.has(a));
    this.#addresses = current;
    this.#arp.announce(fresh);
  }

  // Packets -------------------------------------------------------------------------------------------------

  #transmit(): void {
    if (!this.#transmitter.run()) this.netdev.pause(true);
  }

  #arpFrame(arp: Arp): WaitingPacket {
    const frame = new Uint8Array(VNET_HEADER_LENGTH + ARP_LENGTH);
    emitArp(arp, new DataView(frame.buffer), VNET_HEADER_LENGTH);
    this.statistics.arpSent++;
    return { frame, encap: ENCAP_ARP };
  }

  #arpLink() {
    const address = () => this.address;
    return {
      get address(): LinkAddress {
        return address();
      },
      broadcastArp: (arp: Arp) => {
        const group = this.groups.broadcast;
        if (!group?.ah) return;
        this.#transmitter.sendFrame(
          this.#arpFrame(arp),
          group.ah,
          MULTICAST_QPN,
        );
      },
      unicastArp: (arp: Arp, to: LinkAddress, now: Millis) => {
        this.paths.request(to.gid, now, (path) => {
          if (!path?.ah) return;
          this.#transmitter.sendFrame(this.#arpFrame(arp), path.ah, to.qpn);
        });
      },
    };
  }

  #neighbourHost(): NeighbourHost {
    const timer = this.#timer((now) => this.neighbours.tick(now));
    return {
      askAll: (address) => this.#arp.askAll(address),
      askOne: (neighbour) => this.#arp.askOne(neighbour, this.#now()),
      sendWaiting: (neighbour, packets) =>
        this.#transmitter.sendToNeighbour(neighbour, packets),
      dropWaiting: (neighbour, packets) =>
        this.#dropForNeighbour(neighbour, packets),
      random: this.#context.random,
      onRemoved: () => this.#hops.clear(),
      scheduleTick: (when) => timer.at(when),
    };
  }

  #dropForNeighbour(neighbour: Neighbour, packets: WaitingPacket[]): void {
    if (packets.length === 0) return;
    this.statistics.drop("tx_neighbour_failed", packets.length);
    this.log.debug(`${formatIpv4(neighbour.address)} does not answer`);
    for (const packet of packets) {
      const ip = this.#transmitter.packetOf(packet);
      if (ip) reportHostUnreachable(this.netdev, ip, neighbour.address);
    }
  }

  #groupHost(): GroupHost {
    const { port, sa } = this.#context;
    const timer = this.#timer((now) => this.groups.tick(now));
    const pkey = () => this.pkey;
    return {
      get portGid() {
        return port.attributes.gid;
      },
      get pkey() {
        return pkey();
      },
      join: (request, now, done) => {
        const handle = sa.join(request, now, (answer) => {
          done(answer.ok ? { record: answer.record } : answer);
          this.#updateState();
        });
        return () => handle.cancel();
      },
      leave: (request, now) => void sa.leave(request, now, () => {}),
      attach: (mgid, mlid) => this.#qp?.attachMulticast(mgid, mlid),
      detach: (mgid, mlid) => this.#qp?.detachMulticast(mgid, mlid),
      createHandle: (record) =>
        port.createAddressHandle({
          dlid: record.mlid,
          sl: record.sl,
          staticRate: record.rate,
          grh: {
            dgid: record.mgid,
            flowLabel: record.flowLabel,
            hopLimit: record.hopLimit,
            trafficClass: record.tclass,
            sgidIndex: 0,
          },
        }),
      onBroadcast: (record) => this.#onBroadcast(record),
      sendWaiting: (group, packets) =>
        this.#transmitter.sendToGroup(group, packets),
      dropWaiting: (_group, packets) =>
        this.statistics.drop("tx_group_failed", packets.length),
      onRemoved: () => this.#hops.clear(),
      scheduleTick: (when) => timer.at(when),
      now: () => this.#now(),
    };
  }

  #pathQuery(): PathQuery {
    const { port, sa } = this.#context;
    return (gid, now, done) => {
      const request = {
        sgid: port.attributes.gid,
        dgid: gid,
        pkey: this.pkey,
        tclass: this.groups.broadcast?.record?.tclass ?? 0,
      };
      sa.queryPath(request, now, (answer) => {
        done(answer.ok ? { record: answer.record } : answer);
      });
    };
  }

  #timer(due: (now: Millis) => void) {
    const timer = this.#context.reactor.timer(due);
    this.#timers.push(timer);
    return timer;
  }

  #now(): Millis {
    return this.#context.reactor.clock.now();
  }
}

/** Where a P_Key stands in a port's table: as full member if it can be, else as limited, else -1 (ib_find_pkey). */
function indexOfPkey(pkeys: readonly number[], pkey: number): number {
  const low = pkey & ~FULL_MEMBER;
  const full = pkeys.indexOf(low | FULL_MEMBER);
  return full >= 0 ? full : pkeys.indexOf(low);
}
