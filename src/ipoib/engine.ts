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
import { IpAddress } from "../wire/ip_address.ts";
import type { EngineContext } from "./context.ts";
import { ANNOUNCE_INTERVAL_MS } from "./constants.ts";
import { ipv4Family } from "./family/ipv4_family.ts";
import type { LinkIdentity } from "./link_identity.ts";
import { GroupTable } from "./multicast/group_table.ts";
import { ArpTranslator } from "./neighbour/arp_translator.ts";
import { KernelAgreement } from "./neighbour/kernel_agreement.ts";
import { NeighbourTable } from "./neighbour/neighbour_table.ts";
import { NextHops } from "./next_hops.ts";
import { PathTable } from "./path.ts";
import { PeerTable } from "./peer.ts";
import { Receiver } from "./rx.ts";
import { Statistics } from "./statistics.ts";
import { Transmitter } from "./tx.ts";
import { UdSender } from "./ud_sender.ts";

/** The address families, in the order of their share of the traffic. */
const FAMILIES = [ipv4Family];

export class Engine {
  readonly statistics = new Statistics();
  readonly groups: GroupTable;
  readonly paths: PathTable;
  readonly peers: PeerTable;
  readonly neighbours: NeighbourTable;
  readonly #context: EngineContext;
  readonly #netdev: Netdev;
  readonly #sender: UdSender;
  readonly #hops: NextHops;
  readonly #arp: ArpTranslator;
  readonly #transmitter: Transmitter;
  readonly #receiver: Receiver;
  readonly #announceTimer: Timer;
  /** Addresses to announce once more. */
  readonly #announced = new Set<number>();
  #qp: UdQp | undefined;

  constructor(
    context: EngineContext,
    netdev: Netdev,
    identity: LinkIdentity,
    log: Logger,
  ) {
    const { port, reactor, families = FAMILIES } = context;
    const { clock } = reactor;
    const { statistics } = this;
    const sender = new UdSender(port.send, statistics);
    this.#context = context;
    this.#netdev = netdev;
    this.#sender = sender;
    this.groups = new GroupTable({ context, sender, identity, log });
    this.paths = new PathTable(context, identity, this.groups);
    this.peers = new PeerTable(reactor, sender, this.paths);
    const kernel = new KernelAgreement(clock, netdev.config.neighbours);
    this.neighbours = new NeighbourTable(sender, this.peers, kernel);
    this.#hops = new NextHops(
      netdev.config,
      sender,
      this.neighbours,
      this.groups,
    );
    this.#arp = new ArpTranslator({
      netdev,
      sender,
      identity,
      groups: this.groups,
      peers: this.peers,
      paths: this.paths,
      neighbours: this.neighbours,
      log,
    });
    kernel.onRequest = (address) => this.#arp.request(address);
    this.#transmitter = new Transmitter({
      clock,
      netdev,
      sender,
      hops: this.#hops,
      families,
      arp: this.#arp,
    });
    this.#receiver = new Receiver({
      clock,
      netdev,
      port,
      statistics,
      families,
      arp: this.#arp,
    });
    this.#announceTimer = reactor.timer(() => this.#announceAgain());
    netdev.onFrames = (batch) => this.#transmitter.run(batch);
    netdev.onWritten = (frames, bytes) => this.#receiver.written(frames, bytes);
    netdev.onRefused = (errno) => this.#receiver.refused(errno);
  }

  /** Sends and receives by this queue pair from now on, or by none. */
  attach(qp: UdQp | undefined): void {
    this.#qp = qp;
    this.groups.qp = qp;
    this.#receiver.attach(qp);
  }

  /** Begins with the broadcast group. */
  open(broadcastMgid: Uint8Array, now: Millis): void {
    this.groups.start(broadcastMgid, now);
    this.followMemberships(now);
  }

  /** The link has its Q_Key: packets may go. */
  carry(qkey: number): void {
    this.#qp?.setQkey(qkey);
    this.#sender.qkey = qkey;
    this.#sender.qp = this.#qp;
    this.neighbours.restore();
    this.#hops.clear();
  }

  /** Leaves all groups and forgets everything that was learnt. */
  close(now: Millis): void {
    this.groups.stop(now);
    this.neighbours.flush();
    this.peers.flush();
    this.paths.flush();
    this.#arp.clear();
    this.#hops.clear();
    this.#announced.clear();
    this.#sender.qp = undefined;
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
    const mgids = [...memberships].map((group) =>
      ipv4Family.mgid(IpAddress.ipv4(group), link.mgid)
    );
    this.groups.setWanted(mgids, now);
  }

  /** Tells the link where these addresses are, twice: the first time the switches may not know the group's new member yet. */
  announce(addresses: readonly number[]): void {
    if (addresses.length === 0) return;
    this.#arp.announce(addresses);
    for (const address of addresses) this.#announced.add(address);
    this.#announceTimer.at(
      this.#context.reactor.clock.now() + ANNOUNCE_INTERVAL_MS,
    );
  }

  #announceAgain(): void {
    const { config } = this.#netdev;
    const again = [...this.#announced].filter((each) => config.isLocal(each));
    this.#announced.clear();
    this.#arp.announce(again);
  }

  dispose(): void {
    this.#announceTimer.close();
    this.groups.close();
    this.paths.close();
    this.peers.close();
  }
}
