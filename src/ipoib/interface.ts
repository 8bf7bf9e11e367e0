/**
 * One IPoIB interface: a P_Key of a port with its own TAP and queue pair. Parent and child interfaces are alike.
 *
 * The interface passes the events of the port and the changes of the kernel's configuration to its link (link.ts) and
 * to its engine (engine.ts), and shows both to the rest of the program.
 *
 * Port events have the effects of ib_ipoib's flushes (Linux ipoib_verbs.c):
 *
 * | event                               | flush  | effect                                                           |
 * |-------------------------------------|--------|------------------------------------------------------------------|
 * | client reregister                   | light  | joins groups and queries paths again, keeps using them meanwhile |
 * | port active, port error, LID change | normal | clears carrier, leaves groups, drops paths, restarts the link    |
 * | any, if P_Key or its index changed  | heavy  | the same with a new queue pair                                   |
 * | any, if the port's GID changed      | light  | as client reregister; announces the new link-layer address       |
 * | subnet manager change               | none   | none: each request reads the manager's LID and SL from the port  |
 * | device lost, device returned        | heavy  | closes the queue pair; starts the link with a new one            |
 *
 * While the device is lost, the interface keeps its configuration. (The driver deletes its interfaces when the device is
 * removed, and ignores a fatal error.)
 */

import { getLogger, type Logger } from "../base/log.ts";
import { ibMtuBytes, type Millis } from "../base/units.ts";
import type { PortEvent } from "../hca/hca.ts";
import type { SendMemory } from "../hca/send_memory.ts";
import { type ConfigChange, qualifiedName } from "../netdev/net_config.ts";
import type { Netdev } from "../netdev/netdev.ts";
import type { LinkAddress } from "../wire/link_address.ts";
import { configText, portEventText, portText } from "./change_texts.ts";
import type { ConnectedMode } from "./connected/connected_mode.ts";
import { DebugLog } from "./debug_log.ts";
import { Engine, type EngineOptions } from "./engine.ts";
import { Features } from "./features.ts";
import { InterfaceEvents } from "./interface_events.ts";
import { Link } from "./link.ts";
import { LinkIdentity } from "./link_identity.ts";
import type { Moderation } from "./moderation.ts";
import { InterfaceMtu } from "./mtu.ts";
import type { MulticastTable } from "./multicast/multicast_table.ts";
import type { AddressConflict } from "./neighbour/address_conflicts.ts";
import type { NeighbourTable } from "./neighbour/neighbour_table.ts";
import type { PathTable } from "./path.ts";
import type { PeerTable } from "./peer.ts";
import type { PkeyChoice } from "./pkey_choice.ts";
import type { Statistics } from "./statistics.ts";
import type { Unreached } from "./unreached_members.ts";

/** Maximum number of addresses that one call of `probeAddresses` asks for. */
const MAX_PROBES = 64;

/** Constructor options of an {@linkcode IpoibInterface}. */
export interface InterfaceOptions {
  netdev: Netdev;
  /** Slots into which frames of the network device are read; owned by the interface. */
  memory: SendMemory;
  pkey: PkeyChoice;
  /** MTU set by the administrator, in bytes. */
  adminMtu: number | undefined;
}

export class IpoibInterface {
  readonly netdev: Netdev;
  readonly log: Logger;
  readonly events: InterfaceEvents;
  readonly mtu: InterfaceMtu;
  readonly features: Features;
  /** Called after a change of {@linkcode state}. */
  onStateChange: (state: string) => void = () => {};

  readonly #context: EngineOptions;
  readonly #memory: SendMemory;
  readonly #identity: LinkIdentity;
  readonly #engine: Engine;
  readonly #link: Link;
  readonly #debug: DebugLog;
  #closed = false;

  constructor(context: EngineOptions, options: InterfaceOptions) {
    const { netdev, memory, pkey: pkeyChoice } = options;
    const { port } = context;
    this.#context = context;
    this.#memory = memory;
    this.netdev = netdev;
    this.log = getLogger(netdev.name);
    this.events = new InterfaceEvents(
      context.events,
      () => qualifiedName(netdev.config),
    );
    const { log, events } = this;
    const debug = new DebugLog(context.debugLevels, netdev.name);
    const identity = new LinkIdentity(port);
    const engine = new Engine(
      context,
      netdev,
      memory,
      identity,
      log,
      debug,
      events,
    );
    this.#debug = debug;
    this.#identity = identity;
    this.#engine = engine;
    const mode = () => engine.connected.mode;
    const group = () => ibMtuBytes(engine.groups.broadcast?.record?.mtu ?? 0);
    this.mtu = new InterfaceMtu(
      { netdev, port, group, mode, log, events },
      options.adminMtu,
    );
    const { capabilities } = port.attributes;
    const receive = engine.receiver;
    this.features = new Features({ netdev, capabilities, mode, receive });
    this.#link = new Link({
      ...{ context, netdev, memory, pkeyChoice, identity, engine },
      ...{ mtu: this.mtu, log, debug, events },
      onState: (state) => this.onStateChange(state),
    });
    engine.connected.onMode = () => {
      this.mtu.onMode();
      this.features.update();
    };
    netdev.config.onChange((change) => this.#onConfig(change));
    this.#link.evaluate();
  }

  get name(): string {
    return this.netdev.config.name;
  }

  /** P_Key with the full-member bit set, as ib_ipoib shows it. */
  get pkey(): number {
    return this.#identity.pkey;
  }

  /** Index of the P_Key in the port's P_Key table; -1 if the table lacks it. */
  get pkeyIndex(): number {
    return this.#identity.pkeyIndex;
  }

  /** QPN of the queue pair; 0 if there is none. */
  get qpn(): number {
    return this.#identity.qpn;
  }

  /** "running", "closed", or the condition that the interface waits for. */
  get state(): string {
    return this.#link.state.state;
  }

  /** Why the membership in the broadcast group is in doubt while the interface is running; undefined if it is not. */
  get doubt(): string | undefined {
    return this.#link.state.doubt;
  }

  /** True if the port is a limited member of the partition, which reaches full members only. */
  get isLimited(): boolean {
    return this.#identity.isLimited;
  }

  /** Destinations that are not reached, as far as the reason may be a limited membership. */
  get unreached(): Unreached[] {
    return this.#engine.unreached.list();
  }

  get carrier(): boolean {
    return this.#link.state.isRunning;
  }

  /** Link-layer address of the interface. */
  get address(): LinkAddress {
    return this.#identity.address;
  }

  get broadcastMgid(): Uint8Array {
    return this.#identity.broadcastMgid;
  }

  get statistics(): Statistics {
    return this.#engine.statistics;
  }

  /** Number of packets that wait for an address, a path or a join. */
  get waiting(): number {
    return this.#engine.waiting;
  }

  get neighbours(): NeighbourTable {
    return this.#engine.neighbours;
  }

  get paths(): PathTable {
    return this.#engine.paths;
  }

  get peers(): PeerTable {
    return this.#engine.peers;
  }

  /** The mode of the interface, and its connections. */
  get connected(): ConnectedMode {
    return this.#engine.connected;
  }

  get groups(): MulticastTable {
    return this.#engine.groups;
  }

  /** See {@linkcode MulticastTable.umcast}. */
  get umcast(): boolean {
    return this.groups.umcast;
  }

  set umcast(value: boolean) {
    if (value) {
      this.log.info("ignoring multicast groups joined by other programs");
    }
    this.groups.umcast = value;
  }

  /** Number of outgoing packets that the device can hold. */
  get sendQueueSize(): number {
    return this.#memory.queueSize;
  }

  /** Number of received packets that can wait in the queue pair. */
  get receiveQueueSize(): number {
    return this.#link.queuePair.size;
  }

  /** See {@linkcode LinkQueuePair.resize}. */
  setReceiveQueueSize(size: number): void {
    this.#link.queuePair.resize(size);
  }

  /** Moderation of receive completions; survives a new queue pair. */
  get moderation(): Moderation {
    return this.#link.queuePair.moderation;
  }

  /** Resumes reading from the network device; called when slots are free again. */
  onCredit(): void {
    this.netdev.resume();
  }

  /** Handles an event of the port; see the module description. */
  onPortEvent(event: PortEvent): void {
    this.#debug.general(() => {
      const { device, port } = this.#context.port.attributes;
      return `Event ${event.type} on device ${device} port ${port}`;
    });
    this.#debug.decision(() => portText(this.#context.port.attributes));
    this.#link.state.during(
      portEventText(event),
      () => this.#followPort(event),
    );
  }

  #followPort(event: PortEvent): void {
    switch (event.type) {
      case "client_reregister":
        this.#engine.refresh(this.#now());
        break;
      case "port_active":
      case "port_error":
      case "lid_change":
        this.#link.end();
        break;
      case "device_lost":
        this.#link.queuePair.close();
        break;
      case "device_returned":
      case "pkey_change":
      case "gid_change":
      case "sm_change":
      case "device_fatal":
        break;
    }
    this.#link.followGid(event);
    this.#link.evaluate();
  }

  /** Checks all memberships and rejoins lost groups, because another program on the port may have left some. */
  checkMemberships(): void {
    this.#engine.checkMemberships(this.#now());
  }

  /** Asks the link whether other hosts use the interface's addresses. Does nothing unless the link is running. */
  probeAddresses(): void {
    if (!this.carrier) return;
    const { addresses } = this.netdev.config;
    const probed = addresses.slice(0, MAX_PROBES);
    this.#engine.probe(probed.map(({ address }) => address));
  }

  /** Returns the addresses of the interface that other hosts were seen to use at `time` or later. */
  conflictsSince(time: Millis): AddressConflict[] {
    return this.#engine.conflicts.since(time);
  }

  /** Leaves all groups and closes queue pair, network device and send memory. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#link.close();
    this.#engine.dispose();
    this.netdev.close();
    this.#context.port.closeSendMemory(this.#memory);
  }

  #onConfig(change: ConfigChange): void {
    if (this.#closed) return;
    this.#debug.decision(() => configText(change, this.netdev.config));
    switch (change) {
      case "link": {
        const { up } = this.netdev.config;
        const cause = `the device is set ${up ? "up" : "down"}`;
        this.#link.state.during(cause, () => this.#link.evaluate());
        this.mtu.follow();
        this.#link.carrier.follow();
        break;
      }
      case "address":
        this.#engine.clearNextHops();
        this.#link.announce();
        break;
      case "route":
        this.#engine.clearNextHops();
        break;
      case "membership":
        this.#engine.followMemberships(this.#now());
        break;
      case "gone":
        // device.ts ends the interface, and netdev has logged the reason.
        break;
    }
  }

  #now(): Millis {
    return this.#context.reactor.clock.now();
  }
}
