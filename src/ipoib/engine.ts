/**
 * The engine of one interface: creates and connects its tables and its transmit and receive paths.
 *
 * The link (link.ts) drives it: attaches a queue pair and opens the engine when the link starts, starts
 * transmission when the broadcast group is joined and the Q_Key is known, and closes the engine when the link ends.
 */

import { errnoText } from "../base/errno.ts";
import type { Logger } from "../base/log.ts";
import type { Millis } from "../base/units.ts";
import type { SendMemory } from "../hca/send_memory.ts";
import type { UdQp } from "../hca/ud_qp.ts";
import type { Netdev } from "../netdev/netdev.ts";
import type { IpAddress } from "../wire/ip_address.ts";
import { MadStatus } from "../wire/mad.ts";
import { Announcements } from "./announcements.ts";
import type { EngineContext } from "./context.ts";
import { ConnectedMode } from "./connected/connected_mode.ts";
import { TooLongPackets } from "./connected/too_long.ts";
import { DEFAULT_MAX_GROUPS } from "./constants.ts";
import { DhcpTranslator } from "./dhcp_translator.ts";
import type { DebugLevels, DebugLog } from "./debug_log.ts";
import type { AddressFamily, FamilyOnLink } from "./family/address_family.ts";
import { ipv4Family } from "./family/ipv4_family.ts";
import { ipv6Family } from "./family/ipv6_family.ts";
import type { LinkIdentity } from "./link_identity.ts";
import type { InterfaceEvents } from "./interface_events.ts";
import { MulticastTable } from "./multicast/multicast_table.ts";
import { WantedGroups } from "./multicast/wanted_groups.ts";
import { AddressConflicts } from "./neighbour/address_conflicts.ts";
import { KernelSync } from "./neighbour/kernel_sync.ts";
import { NeighbourEvents } from "./neighbour/neighbour_events.ts";
import { NeighbourTable } from "./neighbour/neighbour_table.ts";
import { NextHops } from "./next_hops.ts";
import { PathTable } from "./path.ts";
import { PeerTable } from "./peer.ts";
import { Receiver } from "./rx.ts";
import { Statistics } from "./statistics.ts";
import { TableLimits } from "./table_limits.ts";
import { Transmitter } from "./tx.ts";
import { UnreachedMembers } from "./unreached_members.ts";
import { PacketSender } from "./packet_sender.ts";

/** Default address families, the most frequent first. */
const FAMILIES: readonly AddressFamily[] = [ipv4Family, ipv6Family];

/** Dependencies of an {@linkcode Engine}. */
export interface EngineOptions extends EngineContext {
  /** Supported address families, the most frequent first. Default: IPv4 and IPv6. */
  readonly families?: readonly AddressFamily[];
  /** Debug levels that the interfaces of a device share. */
  readonly debugLevels: DebugLevels;
}

export class Engine {
  readonly statistics = new Statistics();
  readonly groups: MulticastTable;
  readonly paths: PathTable;
  readonly peers: PeerTable;
  readonly neighbours: NeighbourTable;
  readonly connected: ConnectedMode;
  readonly conflicts: AddressConflicts;
  readonly unreached: UnreachedMembers;
  readonly announcements: Announcements;
  readonly #netdev: Netdev;
  readonly #sender: PacketSender;
  readonly #hops: NextHops;
  readonly #families: readonly FamilyOnLink[];
  readonly #wanted: WantedGroups;
  readonly #transmitter: Transmitter;
  readonly #receiver: Receiver;
  readonly #neighbourEvents: NeighbourEvents;
  readonly #debug: DebugLog;
  #qp: UdQp | undefined;

  /** @param memory slots into which frames of the network device are read, and from which packets are sent */
  constructor(
    context: EngineOptions,
    netdev: Netdev,
    memory: SendMemory,
    identity: LinkIdentity,
    log: Logger,
    debug: DebugLog,
    events: InterfaceEvents,
  ) {
    const { port, reactor, families = FAMILIES } = context;
    const { clock } = reactor;
    const { statistics } = this;
    const sender = new PacketSender(memory, statistics, debug);
    this.#wanted = new WantedGroups(context.maxGroups ?? DEFAULT_MAX_GROUPS);
    this.#netdev = netdev;
    this.#sender = sender;
    this.groups = new MulticastTable({
      ...{ context, sender, identity, log, debug, events },
    });
    const kernelNeighbours = netdev.config.neighbours;
    const kernel = new KernelSync(clock, kernelNeighbours, debug);
    const limits = new TableLimits(
      clock,
      kernelNeighbours,
      () => kernel.permanent,
    );
    this.paths = new PathTable(
      context,
      identity,
      this.groups,
      statistics,
      debug,
      events,
      limits,
    );
    this.peers = new PeerTable(reactor, sender, this.paths, limits, port);
    this.connected = new ConnectedMode({
      ...{ reactor, port, netdev, sender, identity, log, debug, events },
      peers: this.peers,
      connections: context.connections,
      maxConnections: context.maxConnections,
    });
    const tooLong = new TooLongPackets({
      ...{ netdev, sender, families, log, debug },
    });
    sender.onTooLong = (slot, length, mtu) => tooLong.answer(slot, length, mtu);
    this.#neighbourEvents = new NeighbourEvents(events);
    this.neighbours = new NeighbourTable({
      ...{ reactor, sender, kernel, limits, debug },
      peers: this.peers,
      events: this.#neighbourEvents,
    });
    this.conflicts = new AddressConflicts({ netdev, log, events, clock });
    this.unreached = new UnreachedMembers(identity, log, events);
    this.#followReachability(kernel);
    this.#hops = new NextHops(
      netdev,
      sender,
      this.neighbours,
      this.groups,
      families,
    );
    const { groups, peers, paths, neighbours, conflicts } = this;
    this.#debug = debug;
    this.#families = families.map((family) => ({
      family,
      translator: family.translator({
        ...{ netdev, sender, identity },
        ...{ groups, peers, paths, neighbours, conflicts },
        clearNextHops: () => this.#hops.clear(),
      }),
    }));
    kernel.onRequest = (address) =>
      this.#familyOf(address)?.translator.request(address);
    const dhcp = new DhcpTranslator(identity, sender);
    this.#transmitter = new Transmitter({
      clock,
      netdev,
      sender,
      hops: this.#hops,
      families: this.#families,
      dhcp,
    });
    this.#receiver = new Receiver({
      clock,
      netdev,
      port,
      statistics,
      debug,
      families: this.#families,
      dhcp,
      senders: peers.senders,
      groups: groups.received,
    });
    this.announcements = new Announcements({
      ...{ config: netdev.config, families: this.#families, reactor, debug },
    });
    netdev.onFrames = (batch) => this.#transmitter.run(batch);
    netdev.onWritten = (frames, bytes, packets) =>
      this.#receiver.written(frames, bytes, packets);
    netdev.onRefused = (errno, packets) =>
      this.#receiver.refused(errno, packets);
    netdev.onReadFailed = (errno) => {
      statistics.totals.add("tx_errors");
      log.warn(
        `Cannot read from the network device: ${
          errnoText(errno)
        }; reading continues`,
      );
    };
  }

  get receiver(): Receiver {
    return this.#receiver;
  }

  /** Number of packets that wait for an address, a path or a join. */
  get waiting(): number {
    return this.#sender.waiting.packets;
  }

  /** Sets the queue pair for sending and receiving, or none. */
  attach(qp: UdQp | undefined): void {
    this.#qp = qp;
    this.groups.attach(qp);
    this.connected.attach(qp);
    this.#receiver.attach(qp);
  }

  /** Starts joining the broadcast group. */
  open(broadcastMgid: Uint8Array, now: Millis): void {
    this.#receiver.open = true;
    this.connected.open();
    this.groups.start(broadcastMgid, now);
    this.followMemberships(now);
  }

  /** Starts transmission with the Q_Key and the MTU of the broadcast group. */
  startTransmit(qkey: number, mtu: number): void {
    this.#qp?.setQkey(qkey);
    this.#sender.mtu = mtu;
    this.#sender.qkey = qkey;
    this.#sender.qp = this.#qp;
    this.neighbours.restore();
    this.#hops.clear();
  }

  /**
   * Stops transmission and reception, leaves all groups, and removes all paths, neighbours and peers except static
   * neighbours and their peers.
   */
  close(now: Millis): void {
    this.#receiver.open = false;
    this.connected.close();
    this.groups.stop(now);
    this.#wanted.clear();
    this.neighbours.flush();
    this.peers.flush();
    this.paths.flush();
    for (const { translator } of this.#families) translator.clear();
    this.#hops.clear();
    this.announcements.clear();
    this.unreached.clear();
    this.#neighbourEvents.clear();
    this.#sender.qp = undefined;
  }

  /** Light flush: joins groups and queries paths again, and keeps using the current ones meanwhile. */
  refresh(now: Millis): void {
    this.paths.doubtAll(now);
    this.groups.rejoin(now);
  }

  /** Checks all memberships, because another program on the port may have left groups. */
  checkMemberships(now: Millis): void {
    this.groups.checkMemberships(now);
  }

  /** Clears the next-hop cache after a change of the kernel's routes or addresses. */
  clearNextHops(): void {
    this.#hops.clear();
  }

  /** Joins and leaves groups to match the kernel's memberships, up to the group limit. */
  followMemberships(now: Millis): void {
    const link = this.groups.broadcast;
    if (!link) return;
    const memberships = this.#netdev.config.memberships.filter((group) =>
      this.#familyOf(group)?.family.isOnLinkGroup(group)
    );
    const wanted = this.#wanted.choose(memberships, this.#isAllHosts);
    this.#debug.decision(() =>
      `The kernel is a member of ${memberships.length} groups, of which ${wanted.length} are wanted`
    );
    const mgids = wanted.map((group) =>
      this.#familyOf(group)!.family.mgid(group, link.mgid)
    );
    this.groups.setWanted(
      mgids,
      memberships.length - wanted.length,
      now,
    );
  }

  /** Asks the link whether other hosts use these addresses; {@linkcode conflicts} has the answers. */
  probe(addresses: readonly IpAddress[]): void {
    for (const { family, translator } of this.#families) {
      translator.probe(addresses.filter((each) => family.has(each)));
    }
  }

  readonly #isAllHosts = (group: IpAddress): boolean =>
    this.#families.some(({ family }) => family.allHosts.equals(group));

  #followReachability(kernel: KernelSync): void {
    const { unreached, neighbours } = this;
    kernel.onFailed = (address) => {
      if (this.#sender.qp === undefined) return;
      unreached.noAnswer(address);
      neighbours.noAnswer(address);
    };
    kernel.onReachable = (address) => unreached.addressReached(address);
    this.paths.onFailure = ({ gid }, status) => {
      if (status === MadStatus.NoRecords) unreached.noPath(gid);
    };
    this.paths.onComplete = ({ gid }) => unreached.portReached(gid);
  }

  /** Returns the family of an address; undefined if it is not supported. */
  #familyOf(address: IpAddress): FamilyOnLink | undefined {
    return this.#families.find(({ family }) => family.has(address));
  }

  /** Closes all timers. */
  dispose(): void {
    this.announcements.close();
    this.connected.dispose();
    this.groups.close();
    this.paths.close();
    this.peers.close();
    this.neighbours.close();
  }
}
