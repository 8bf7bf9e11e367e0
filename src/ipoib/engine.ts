/**
 * The engine of one interface: its tables and its two data paths, wired together.
 *
 * What happens when is decided by the interface (interface.ts): the engine is opened with a queue pair when the link
 * can begin, carries packets once the broadcast group has given it a Q_Key, and is closed when the link ends.
 */

import type { Logger } from "../base/log.ts";
import type { Millis } from "../base/units.ts";
import type { UdQp } from "../hca/hca.ts";
import type { Netdev } from "../netdev/netdev.ts";
import type { Timer } from "../system/reactor.ts";
import { type Arp, ARP_LENGTH, emitArp } from "../wire/arp.ts";
import { encapWord, EtherType } from "../wire/encap.ts";
import { formatIpv4 } from "../wire/ipv4_address.ts";
import { type LinkAddress, MULTICAST_QPN } from "../wire/link_address.ts";
import { ipv4Mgid } from "../wire/mgid.ts";
import type { McMemberRecord } from "../wire/sa/mc_member_record.ts";
import { VNET_HEADER_LENGTH } from "../wire/vnet.ts";
import type { EngineContext } from "./context.ts";
import { ANNOUNCE_INTERVAL_MS } from "./constants.ts";
import { reportHostUnreachable } from "./host_unreachable.ts";
import { type GroupHost, GroupTable } from "./multicast/group_table.ts";
import { ArpEngine, type ArpLink } from "./neighbour/arp.ts";
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

/** The interface, as the engine sees it. */
export interface EngineOwner {
  /** The interface's own link-layer address. */
  readonly address: LinkAddress;
  /** With the full-member bit. */
  readonly pkey: number;
  /** The broadcast group is joined: its record has the link's Q_Key and MTU. */
  onBroadcast(record: McMemberRecord): void;
  /** A join ended, one way or the other. */
  onJoin(): void;
}

export class Engine {
  readonly statistics = new Statistics();
  readonly neighbours: NeighbourTable;
  readonly paths: PathTable;
  readonly groups: GroupTable;
  readonly #context: EngineContext;
  readonly #netdev: Netdev;
  readonly #owner: EngineOwner;
  readonly #log: Logger;
  readonly #hops: NextHopCache;
  readonly #arp: ArpEngine;
  readonly #transmitter: Transmitter;
  readonly #receiver: Receiver;
  readonly #timers: { close(): void }[] = [];
  readonly #announceTimer: Timer;
  /** Addresses to announce once more. */
  readonly #announced = new Set<number>();
  #qp: UdQp | undefined;

  constructor(
    context: EngineContext,
    netdev: Netdev,
    owner: EngineOwner,
    log: Logger,
  ) {
    const { port, reactor: { clock } } = context;
    this.#context = context;
    this.#netdev = netdev;
    this.#owner = owner;
    this.#log = log;
    this.paths = new PathTable(port, this.#pathQuery());
    this.#announceTimer = this.#timer(() => this.#announceAgain());
    const pathTimer = this.#timer((now) => this.paths.tick(now));
    this.paths.scheduleTick = (when) => pathTimer.at(when);
    this.neighbours = new NeighbourTable(this.#neighbourHost(), this.paths);
    this.groups = new GroupTable(this.#groupHost(), log);
    this.#arp = new ArpEngine(
      this.#arpLink(),
      netdev.config,
      this.neighbours,
      log,
    );
    this.#hops = new NextHopCache(netdev.config, {
      neighbour: (address, now) => this.neighbours.get(address, now),
      group: (address, now) => {
        const link = this.groups.broadcast;
        return link && this.groups.toSend(ipv4Mgid(address, link.mgid), now);
      },
      broadcast: () => this.groups.ready ? this.groups.broadcast : undefined,
    });
    this.#transmitter = new Transmitter({
      clock,
      netdev,
      memory: port.send,
      neighbours: this.neighbours,
      groups: this.groups,
      hops: this.#hops,
      statistics: this.statistics,
    });
    this.#receiver = new Receiver(
      clock,
      netdev,
      this.statistics,
      (view, base, length, sourceLid, now) =>
        // Before the link is there nobody can be answered, and no path be asked for.
        !this.groups.ready ||
        this.#arp.receive(view, base, length, sourceLid, now),
    );
    netdev.onReadable = () => this.#transmit();
    netdev.onFrame = (slot, length) => this.#transmitter.frame(slot, length);
    netdev.onWriteFailed = (errno, length) =>
      this.#receiver.writeFailed(errno, length);
  }

  /** Sends and receives by this queue pair from now on, or by none. */
  attach(qp: UdQp | undefined): void {
    this.#qp = qp;
    this.#receiver.attach(qp);
  }

  /** Begins with the broadcast group. */
  open(broadcastMgid: Uint8Array, now: Millis): void {
    this.#receiver.port = this.#context.port;
    this.groups.start(broadcastMgid, now);
    this.followMemberships(now);
  }

  /** The link has its Q_Key: packets may go. */
  carry(qkey: number): void {
    this.#qp?.setQkey(qkey);
    this.#transmitter.qkey = qkey;
    this.#transmitter.qp = this.#qp;
    this.#hops.clear();
  }

  /** Leaves all groups and forgets everything that was learnt. */
  close(now: Millis): void {
    this.groups.stop(now);
    this.neighbours.flush();
    this.paths.flush();
    this.#hops.clear();
    this.#announced.clear();
    this.#transmitter.qp = undefined;
  }

  /** Light flush: asks for groups and paths again, and uses what there is meanwhile. */
  refresh(now: Millis): void {
    this.paths.doubtAll(now);
    this.groups.rejoin(now);
  }

  /** The kernel's routes or addresses changed. */
  forgetNextHops(): void {
    this.#hops.clear();
  }

  /** Joins what the kernel is a member of, leaves what it is not. */
  followMemberships(now: Millis): void {
    const link = this.groups.broadcast;
    if (!link) return;
    const { memberships } = this.#netdev.config;
    const mgids = [...memberships].map((group) => ipv4Mgid(group, link.mgid));
    this.groups.setWanted(mgids, now);
  }

  /** Tells the link where these addresses are, twice: the first time the switches may not know the group's new member yet. */
  announce(addresses: readonly number[]): void {
    if (addresses.length === 0) return;
    this.#arp.announce(addresses);
    for (const address of addresses) this.#announced.add(address);
    this.#announceTimer.at(this.#now() + ANNOUNCE_INTERVAL_MS);
  }

  #announceAgain(): void {
    const { config } = this.#netdev;
    const again = [...this.#announced].filter((each) => config.isLocal(each));
    this.#announced.clear();
    this.#arp.announce(again);
  }

  dispose(): void {
    for (const timer of this.#timers) timer.close();
  }

  #transmit(): void {
    if (!this.#transmitter.run()) this.#netdev.pause(true);
  }

  #arpFrame(arp: Arp): WaitingPacket {
    const frame = new Uint8Array(VNET_HEADER_LENGTH + ARP_LENGTH);
    emitArp(arp, new DataView(frame.buffer), VNET_HEADER_LENGTH);
    this.statistics.arpSent++;
    return { frame, encap: ENCAP_ARP };
  }

  #arpLink(): ArpLink {
    const owner = this.#owner;
    return {
      get address(): LinkAddress {
        return owner.address;
      },
      broadcastArp: (arp) => {
        const ah = this.groups.broadcast?.ah;
        if (!ah) return;
        this.#transmitter.sendFrame(this.#arpFrame(arp), ah, MULTICAST_QPN);
      },
      unicastArp: (arp, to, now) => {
        this.paths.request(to.gid, now, (path) => {
          if (!path?.ah) return;
          this.#transmitter.sendFrame(this.#arpFrame(arp), path.ah, to.qpn);
        });
      },
      heard: (from, sourceLid, now) =>
        this.paths.heard(from.gid, sourceLid, now),
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
    this.#log.debug(`${formatIpv4(neighbour.address)} does not answer`);
    for (const packet of packets) {
      const ip = this.#transmitter.packetOf(packet);
      if (ip) reportHostUnreachable(this.#netdev, ip, neighbour.address);
    }
  }

  #groupHost(): GroupHost {
    const { port, sa } = this.#context;
    const owner = this.#owner;
    const timer = this.#timer((now) => this.groups.tick(now));
    return {
      get portGid() {
        return port.attributes.gid;
      },
      get pkey() {
        return owner.pkey;
      },
      join: (request, now, done) => {
        const { memberships } = sa;
        const handle = memberships.join(this, request, now, (answer) => {
          done(answer.ok ? { record: answer.record } : answer);
          owner.onJoin();
        });
        return () => handle.cancel();
      },
      leave: (request, now) => sa.memberships.leave(this, request, now),
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
      onBroadcast: (record) => owner.onBroadcast(record),
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
        pkey: this.#owner.pkey,
        tclass: this.groups.broadcast?.record?.tclass ?? 0,
      };
      sa.queryPath(request, now, (answer) => {
        done(answer.ok ? { record: answer.record } : answer);
      });
    };
  }

  #timer(due: (now: Millis) => void): Timer {
    const timer = this.#context.reactor.timer(due);
    this.#timers.push(timer);
    return timer;
  }

  #now(): Millis {
    return this.#context.reactor.clock.now();
  }
}
