/**
 * One IPoIB interface: a P_Key of a port with its own TAP and queue pair. Parent and child interfaces are alike.
 *
 * The link starts when the TAP is up, the port is active and the P_Key is in the port's table: the broadcast group is
 * joined. The group's record contains the Q_Key and the MTU of the link; then transmission starts and carrier is set.
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
 *
 * The queue pair, and with it the QPN, exists while the P_Key is in the port's table, and is kept while the P_Key keeps
 * its index, so that peers need no new address resolution after a port error or after the TAP was down (as in Linux
 * ipoib_transport_dev_init, ipoib_ib_dev_stop). If the device refuses to create it, or to restart it after an error, the
 * interface waits and creates another one (refusal.ts).
 */

import { hex } from "../base/hex.ts";
import { getLogger, type Logger } from "../base/log.ts";
import { formatPkey, ibMtuBytes, type Millis } from "../base/units.ts";
import type { PortAttributes, PortEvent, SendMemory } from "../hca/hca.ts";
import type { ConfigChange, Netdev } from "../netdev/netdev.ts";
import type { LinkAddress } from "../wire/link_address.ts";
import { formatGid, gidEquals, gidGuid } from "../wire/gid.ts";
import type { ConnectedMode } from "./connected/connected_mode.ts";
import { Carrier } from "./carrier.ts";
import { DebugLog } from "./debug_log.ts";
import { Engine, type EngineOptions } from "./engine.ts";
import { portEventText } from "./fabric_events.ts";
import { Features } from "./features.ts";
import { InterfaceEvents } from "./interface_events.ts";
import { LinkLocal } from "./link_local.ts";
import { linkState, membershipDoubt, RUNNING } from "./link_state.ts";
import type { Moderation } from "./moderation.ts";
import { InterfaceMtu } from "./mtu.ts";
import type { MulticastTable } from "./multicast/multicast_table.ts";
import type { AddressConflict } from "./neighbour/address_conflicts.ts";
import type { NeighbourTable } from "./neighbour/neighbour_table.ts";
import type { PathTable } from "./path.ts";
import type { PeerTable } from "./peer.ts";
import { LinkIdentity } from "./link_identity.ts";
import { LinkQueuePair } from "./link_queue_pair.ts";
import { findPkey, type PkeyChoice } from "./pkey_choice.ts";
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
  readonly #pkeyChoice: PkeyChoice;
  readonly #memory: SendMemory;
  readonly #identity: LinkIdentity;
  readonly #engine: Engine;
  readonly #debug: DebugLog;
  readonly #queuePair: LinkQueuePair;
  /** True while the link is started: from the first join of the broadcast group on. */
  #started = false;
  /** The port's GID when it was last compared. */
  #gid: Uint8Array;
  #state = "starting";
  /** What the change of the state in progress follows from, for its event. */
  #cause: string | undefined;
  #doubt: string | undefined;
  readonly #carrier: Carrier;
  /** The membership that was logged last. */
  #limited = false;
  readonly #linkLocal: LinkLocal;
  /** Announced addresses, as text. */
  #announced = new Set<string>();
  #closed = false;

  constructor(context: EngineOptions, options: InterfaceOptions) {
    const { netdev, memory } = options;
    this.#context = context;
    this.#memory = memory;
    this.#pkeyChoice = options.pkey;
    this.#gid = context.port.attributes.gid;
    this.netdev = netdev;
    this.#linkLocal = new LinkLocal(netdev);
    this.log = getLogger(netdev.name);
    this.events = new InterfaceEvents(context.events, () => this.name);
    const { log, events } = this;
    this.#carrier = new Carrier({
      ...{ netdev, port: context.port, log, events },
      reactor: context.reactor,
    });
    this.#debug = new DebugLog(context.debugLevels, netdev.name);
    this.#identity = new LinkIdentity(context.port);
    this.#engine = new Engine(
      context,
      netdev,
      memory,
      this.#identity,
      log,
      this.#debug,
      events,
    );
    const group = () => ibMtuBytes(this.groups.broadcast?.record?.mtu ?? 0);
    const { port } = context;
    this.mtu = new InterfaceMtu(
      { netdev, port, group, mode: () => this.connected.mode, log, events },
      options.adminMtu,
    );
    this.features = new Features({
      netdev,
      capabilities: port.attributes.capabilities,
      mode: () => this.connected.mode,
      receive: this.#engine.receiver,
    });
    this.#queuePair = new LinkQueuePair({
      port,
      memory,
      reactor: context.reactor,
      recvQueueSize: context.recvQueueSize,
      recvQueueShrinks: context.recvQueueShrinks,
      engine: this.#engine,
      identity: this.#identity,
      ...{ log, events },
      endLink: () => this.#endLink(),
      evaluate: () => this.#evaluate(),
    });
    this.connected.onMode = () => {
      this.mtu.onMode();
      this.features.update();
    };
    this.groups.onBroadcast = ({ qkey }) =>
      this.#during(
        "the broadcast group was joined",
        () => this.#startTransmit(qkey),
      );
    this.groups.onMembership = () => this.#updateState();
    netdev.config.onChange((change) => this.#onConfig(change));
    this.#evaluate();
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
    return this.#state;
  }

  /** Why the membership in the broadcast group is in doubt while the interface is running; undefined if it is not. */
  get doubt(): string | undefined {
    return this.#doubt;
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
    return this.#state === RUNNING;
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
    return this.#queuePair.size;
  }

  /** See {@linkcode LinkQueuePair.resize}. */
  setReceiveQueueSize(size: number): void {
    this.#queuePair.resize(size);
  }

  /** Moderation of receive completions; survives a new queue pair. */
  get moderation(): Moderation {
    return this.#queuePair.moderation;
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
    this.#during(portEventText(event), () => this.#followPort(event));
  }

  #followPort(event: PortEvent): void {
    switch (event.type) {
      case "client_reregister":
        this.#engine.refresh(this.#now());
        break;
      case "port_active":
      case "port_error":
      case "lid_change":
        this.#endLink();
        break;
      case "device_lost":
        this.#queuePair.close();
        break;
      case "device_returned":
      case "pkey_change":
      case "gid_change":
      case "sm_change":
      case "device_fatal":
        break;
    }
    this.#followGid(event);
    this.#evaluate();
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
    this.#queuePair.close();
    this.#state = "closed";
    this.#queuePair.dispose();
    this.#engine.dispose();
    this.#carrier.close();
    this.netdev.close();
    this.#context.port.closeSendMemory(this.#memory);
  }

  // The link ------------------------------------------------------------------------------------------------

  /** Starts or ends the link to match the device, the port and the P_Key table. */
  #evaluate(): void {
    if (this.#closed) return;
    const { attributes } = this.#context.port;
    const identity = this.#identity;
    const found = findPkey(this.#pkeyChoice, attributes.pkeys, identity.pkey);
    if (found.pkey !== identity.pkey || found.index !== identity.pkeyIndex) {
      this.#queuePair.close();
    }
    if (found.index !== identity.pkeyIndex) {
      this.#debug.decision(() =>
        found.index < 0
          ? `P_Key ${formatPkey(found.pkey)} is not in the port's table`
          : `P_Key ${
            formatPkey(found.pkey)
          } has index ${found.index} in the port's table`
      );
    }
    identity.pkey = found.pkey;
    identity.pkeyIndex = found.index;
    if (found.index < 0) this.#queuePair.close();
    else if (attributes.lost === undefined) this.#queuePair.open();
    const ready = this.#queuePair.exists && this.netdev.config.up &&
      attributes.state === "active";
    if (!ready) this.#endLink();
    else if (!this.#started) this.#startLink();
    this.#updateState();
  }

  /** After a change of the port's GID, joins groups and queries paths with the new GID and announces the addresses. */
  #followGid({ type }: PortEvent): void {
    const { gid } = this.#context.port.attributes;
    if (gidEquals(gid, this.#gid)) return;
    this.#gid = gid;
    if (!this.#started) return;
    this.log.info(`port GID changed to ${formatGid(gid)}`);
    if (type !== "client_reregister") this.#engine.refresh(this.#now());
    this.#announced.clear();
    this.#followAddresses();
  }

  #startLink(): void {
    this.#started = true;
    this.#debug.general(() => "bringing up interface");
    this.#engine.open(this.broadcastMgid, this.#now());
  }

  /** Leaves groups and removes peers, paths and neighbours; keeps the queue pair. */
  #endLink(): void {
    if (!this.#started) return;
    this.#started = false;
    this.#debug.general(() => "stopping interface");
    this.#engine.close(this.#now());
    this.#announced.clear();
    this.#updateState();
  }

  /** Calls `act`; changes of the state within it have this cause. */
  #during(cause: string, act: () => void): void {
    const outer = this.#cause;
    this.#cause = cause;
    try {
      act();
    } finally {
      this.#cause = outer;
    }
  }

  #updateState(): void {
    this.#publishState();
    this.#followLinkLocal();
  }

  #followLinkLocal(): void {
    if (this.#closed) return;
    const { gid } = this.#context.port.attributes;
    this.#linkLocal.follow(gidGuid(gid), this.carrier);
  }

  #publishState(): void {
    if (this.#closed) return;
    const { config } = this.netdev;
    const conditions = {
      up: config.up,
      port: this.#context.port.attributes,
      pkey: this.pkey,
      pkeyChoice: this.#pkeyChoice,
      pkeyIndex: this.pkeyIndex,
      refusal: this.#queuePair.refusal,
      broadcast: this.groups.broadcast,
    };
    const state = linkState(conditions);
    const doubt = state === RUNNING ? membershipDoubt(conditions) : undefined;
    if (doubt !== this.#doubt) this.#setDoubt(doubt, state);
    const membershipChanged = this.isLimited !== this.#limited;
    this.#limited = this.isLimited;
    if (state === this.#state) {
      if (membershipChanged && this.carrier) {
        this.#logMembership();
        this.events.add("link", "membership", () => ({
          subject: `partition ${formatPkey(this.pkey)}`,
          old: this.isLimited ? "full member" : "limited member",
          new: this.isLimited ? "limited member" : "full member",
          cause: this.#cause,
        }));
      }
      return;
    }
    const was = this.carrier;
    const before = this.#state;
    this.events.add("link", "state", () => ({
      subject: this.name,
      old: before,
      new: state,
      cause: this.#cause,
    }));
    this.#state = state;
    this.#carrier.set(state === RUNNING);
    if (this.carrier && this.isLimited) this.#logMembership();
    else if (config.up || was) this.log.info(state);
    this.onStateChange(state);
  }

  #setDoubt(doubt: string | undefined, state: string): void {
    const begins = this.#doubt === undefined;
    this.#doubt = doubt;
    if (state !== RUNNING) return;
    this.events.add("link", "doubt", () => ({
      subject: "membership in the broadcast group",
      old: begins ? "confirmed" : "in doubt",
      new: doubt === undefined ? "confirmed" : "in doubt",
      cause: doubt,
    }));
    if (begins) this.log.info(`membership in doubt: ${doubt}`);
    else if (doubt === undefined) this.log.info("membership confirmed");
  }

  #logMembership(): void {
    const pkey = formatPkey(this.pkey);
    this.log.info(
      this.isLimited
        ? `${RUNNING} as a limited member of partition ${pkey}, which reaches full members only`
        : `${RUNNING} as a full member of partition ${pkey}`,
    );
  }

  /** Starts transmission. Called when the broadcast group is joined. */
  #startTransmit(qkey: number): void {
    this.#engine.startTransmit(qkey, this.mtu.datagram);
    this.mtu.onJoin();
    this.#updateState();
    this.#followAddresses();
  }

  // The kernel's configuration ------------------------------------------------------------------------------

  #onConfig(change: ConfigChange): void {
    if (this.#closed) return;
    this.#debug.decision(() => this.#changeText(change));
    switch (change) {
      case "link": {
        const { up } = this.netdev.config;
        const cause = `the device is set ${up ? "up" : "down"}`;
        this.#during(cause, () => this.#evaluate());
        this.mtu.follow();
        this.#carrier.follow();
        break;
      }
      case "address":
        this.#engine.clearNextHops();
        this.#followAddresses();
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

  #changeText(change: ConfigChange): string {
    const { config } = this.netdev;
    switch (change) {
      case "link":
        return `The kernel's device ${config.name} is ${
          config.up ? "up" : "down"
        }, carrier ${config.carrier ? "on" : "off"}, MTU ${config.mtu}`;
      case "address": {
        const addresses = config.addresses.map(({ address }) => `${address}`);
        return `The kernel's addresses are ${addresses.join(", ") || "none"}`;
      }
      case "route":
        return "The next hops are forgotten, because the kernel's routes may have changed";
      case "membership":
        return "The kernel's multicast memberships have changed";
      case "gone":
        return "The kernel's device is gone";
    }
  }

  /** Announces addresses that have not been announced on the link. */
  #followAddresses(): void {
    if (!this.carrier) return;
    const { addresses } = this.netdev.config;
    const current = new Map(
      addresses.map(({ address }) => [String(address), address]),
    );
    const fresh = [...current].filter(([text]) => !this.#announced.has(text));
    this.#announced = new Set(current.keys());
    this.#engine.announce(fresh.map(([, address]) => address));
  }

  #now(): Millis {
    return this.#context.reactor.clock.now();
  }
}

/** Returns the attributes of a port that a port event may have changed. */
function portText(port: PortAttributes): string {
  const pkeys = port.pkeys.filter((pkey) => pkey !== 0).map(formatPkey);
  return `The port is ${port.state}: LID ${hex(port.lid)}, SM LID ${
    hex(port.smLid)
  }, SM SL ${port.smSl}, GID ${formatGid(port.gid)}, P_Keys ${
    pkeys.join(" ") || "none"
  }`;
}
