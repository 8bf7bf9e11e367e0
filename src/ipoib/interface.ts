/**
 * One IPoIB interface: a P_Key of a port, with its own TAP and queue pair. A parent and a child differ in nothing here.
 *
 * Life of the link: the TAP is up, the port active, the P_Key in the port's table; then the queue pair is made
 * and the broadcast group joined; then the link has its Q_Key and MTU, carrier goes on, and everything
 * else begins. Events of the port take it back as far as ib_ipoib's flushes do (Linux ipoib_verbs.c):
 *
 * | event                                  | flush  | effect                                                     |
 * |----------------------------------------|--------|------------------------------------------------------------|
 * | client reregister                      | light  | groups joined again, paths asked again, both used meanwhile |
 * | port active, port error, LID change    | normal | carrier off, groups left, paths dropped, then up again     |
 * | P_Key change                           | heavy  | the same with another queue pair, if our P_Key or its index changed |
 * | any, when the port's GID has changed   | light  | the same; the new link-layer address is announced          |
 * | subnet manager change                  | none   | its LID and SL are read at each request to it              |
 *
 * The queue pair, and with it the QPN of the interface, stays as long as the TAP is up and the P_Key in its place: a peer
 * reaches an interface whose port was away without asking anew.
 */

import { getLogger, type Logger } from "../base/log.ts";
import { ibMtuBytes, type Millis } from "../base/units.ts";
import type { PortEvent, SendMemory, UdQp } from "../hca/hca.ts";
import type { ConfigChange, Netdev } from "../netdev/netdev.ts";
import type { LinkAddress } from "../wire/link_address.ts";
import { formatGid, gidEquals } from "../wire/gid.ts";
import type { IpAddress } from "../wire/ip_address.ts";
import { DEFAULT_RECV_QUEUE } from "./constants.ts";
import { Engine, type EngineOptions } from "./engine.ts";
import { linkState, portRateMbps, RUNNING } from "./link_state.ts";
import { Moderation } from "./moderation.ts";
import { effectiveMtu } from "./mtu.ts";
import type { MulticastTable } from "./multicast/multicast_table.ts";
import type { NeighbourTable } from "./neighbour/neighbour_table.ts";
import type { PathTable } from "./path.ts";
import { LinkIdentity } from "./link_identity.ts";
import { findPkey, type PkeyChoice } from "./pkey_choice.ts";
import type { Statistics } from "./statistics.ts";

export interface InterfaceOptions {
  netdev: Netdev;
  /** What the network device is read into; from now on the interface's. */
  memory: SendMemory;
  pkey: PkeyChoice;
  /** MTU that the administrator asks for. */
  adminMtu: number | undefined;
}

export class IpoibInterface {
  readonly netdev: Netdev;
  readonly log: Logger;
  adminMtu: number | undefined;
  /** Leaves groups alone that other programs joined on the port; the embedded HCA has no others. */
  umcast = false;
  /** Of the receive completions; stays when the queue pair is made anew. */
  readonly moderation = new Moderation();
  /** Called when {@linkcode state} changed. */
  onStateChange: (state: string) => void = () => {};

  readonly #context: EngineOptions;
  readonly #choice: PkeyChoice;
  readonly #memory: SendMemory;
  readonly #identity: LinkIdentity;
  readonly #engine: Engine;
  #qp: UdQp | undefined;
  /** True from the join of the broadcast group on. */
  #begun = false;
  /** The port's GID when the link began, or was announced last. */
  #gid: Uint8Array;
  #state = "starting";
  /** The device's MTU as last seen, and as last set by us. */
  #seenMtu: number;
  #ownMtu = 0;
  /** Addresses that were announced, as text. */
  #announced = new Set<string>();
  #closed = false;

  constructor(context: EngineOptions, options: InterfaceOptions) {
    const { netdev, memory } = options;
    this.#context = context;
    this.#memory = memory;
    this.#choice = options.pkey;
    this.#gid = context.port.attributes.gid;
    this.netdev = netdev;
    this.adminMtu = options.adminMtu;
    this.#seenMtu = netdev.config.mtu;
    this.log = getLogger(netdev.name);
    this.#identity = new LinkIdentity(context.port);
    this.#engine = new Engine(
      context,
      netdev,
      memory,
      this.#identity,
      this.log,
    );
    this.groups.onBroadcast = ({ qkey }) => this.#carry(qkey);
    this.groups.onJoin = () => this.#updateState();
    netdev.config.onChange((change) => this.#onConfig(change));
    this.#evaluate();
  }

  get name(): string {
    return this.netdev.config.name;
  }

  /** With the full-member bit, as the driver shows it. */
  get pkey(): number {
    return this.#identity.pkey;
  }

  /** Position in the port's table, or -1 while it is not there. */
  get pkeyIndex(): number {
    return this.#identity.pkeyIndex;
  }

  get qpn(): number {
    return this.#identity.qpn;
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
    return this.#identity.address;
  }

  get broadcastMgid(): Uint8Array {
    return this.#identity.broadcastMgid;
  }

  get statistics(): Statistics {
    return this.#engine.statistics;
  }

  get neighbours(): NeighbourTable {
    return this.#engine.neighbours;
  }

  get paths(): PathTable {
    return this.#engine.paths;
  }

  get groups(): MulticastTable {
    return this.#engine.groups;
  }

  /** Slots are free again. */
  onCredit(): void {
    this.netdev.resume();
  }

  /** An event of the port. */
  onPortEvent(event: PortEvent): void {
    switch (event.type) {
      case "client_reregister":
        this.#engine.refresh(this.#now());
        break;
      case "port_active":
      case "port_error":
      case "lid_change":
        this.#endLink();
        break;
      case "pkey_change":
      case "gid_change":
      case "sm_change":
      case "device_fatal":
        break;
    }
    this.#followGid(event);
    this.#evaluate();
  }

  /** Another program on the port may have left groups: finds out, and joins them again. */
  checkMemberships(): void {
    this.#engine.checkMemberships(this.#now());
  }

  /** Asks for an MTU; the group's may rule all the same. */
  setAdminMtu(mtu: number): void {
    this.adminMtu = mtu;
    this.#applyMtu();
  }

  /** Forgets neighbours, the kernel's entries first: one, or all but those that the administrator gave; returns how many. */
  flushNeighbours(address?: IpAddress): number {
    const { neighbours } = this.netdev.config;
    const entries = neighbours.list().filter((each) =>
      each.state !== "PERMANENT" &&
      (address === undefined || address.equals(each.address))
    );
    for (const each of entries) {
      neighbours.remove(each.address);
      this.neighbours.forget(each.address);
    }
    return entries.length;
  }

  /** Holds the link-layer address of a neighbour. */
  addNeighbour(address: IpAddress, at: LinkAddress): void {
    this.neighbours.hold(address, at);
  }

  /** Removes a neighbour here and in the kernel; false if there is none. */
  deleteNeighbour(address: IpAddress): boolean {
    const { neighbours } = this.netdev.config;
    const kernel = neighbours.list().some((each) =>
      each.address.equals(address)
    );
    if (kernel) neighbours.remove(address);
    return this.neighbours.forget(address) || kernel;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#closeQp();
    this.#state = "closed";
    this.#engine.dispose();
    this.netdev.close();
    this.#context.port.closeSendMemory(this.#memory);
  }

  // The link ------------------------------------------------------------------------------------------------

  /** Brings the link as far as it can get now. */
  #evaluate(): void {
    if (this.#closed) return;
    const { attributes } = this.#context.port;
    const identity = this.#identity;
    const found = findPkey(this.#choice, attributes.pkeys, identity.pkey);
    if (found.pkey !== identity.pkey || found.index !== identity.pkeyIndex) {
      this.#closeQp();
    }
    identity.pkey = found.pkey;
    identity.pkeyIndex = found.index;
    if (!this.netdev.config.up || found.index < 0) this.#closeQp();
    else if (attributes.state !== "active") this.#endLink();
    else if (!this.#begun) this.#beginLink();
    this.#updateState();
  }

  /** The link-layer address follows the port's GID: groups and paths are asked for in its name, and peers are told. */
  #followGid({ type }: PortEvent): void {
    const { gid } = this.#context.port.attributes;
    if (gidEquals(gid, this.#gid)) return;
    this.#gid = gid;
    if (!this.#begun) return;
    this.log.info(`the port's GID is ${formatGid(gid)} now`);
    if (type !== "client_reregister") this.#engine.refresh(this.#now());
    this.#announced.clear();
    this.#followAddresses();
  }

  #beginLink(): void {
    if (!this.#qp) {
      this.#qp = this.#context.port.createUdQp({
        memory: this.#memory,
        pkeyIndex: this.pkeyIndex,
        recvQueueSize: DEFAULT_RECV_QUEUE,
      });
      this.#identity.qpn = this.#qp.qpn;
      this.moderation.attach(this.#qp);
      this.#engine.attach(this.#qp);
    }
    this.#begun = true;
    this.#engine.open(this.broadcastMgid, this.#now());
  }

  /** Leaves groups and forgets what was learnt; the queue pair stays. */
  #endLink(): void {
    if (!this.#begun) return;
    this.#begun = false;
    this.#engine.close(this.#now());
    this.#announced.clear();
    this.#updateState();
  }

  #closeQp(): void {
    this.#endLink();
    if (!this.#qp) return;
    this.#engine.attach(undefined);
    this.moderation.attach(undefined);
    this.#qp.close();
    this.#qp = undefined;
    this.#identity.qpn = 0;
  }

  #updateState(): void {
    if (this.#closed) return;
    const { config } = this.netdev;
    const state = linkState({
      up: config.up,
      port: this.#context.port.attributes,
      pkey: this.pkey,
      pkeyIndex: this.pkeyIndex,
      broadcast: this.groups.broadcast,
    });
    if (state === this.#state) return;
    const was = this.carrier;
    this.#state = state;
    if (was !== this.carrier) {
      if (this.carrier) {
        this.netdev.setSpeed(portRateMbps(this.#context.port.attributes));
      }
      this.netdev.setCarrier(this.carrier);
    }
    if (config.up || was) this.log.info(state);
    this.onStateChange(state);
  }

  /** The broadcast group is joined. */
  #carry(qkey: number): void {
    this.#engine.carry(qkey);
    this.#applyMtu();
    this.#updateState();
    this.#followAddresses();
  }

  #effectiveMtu(): number {
    const { activeMtu } = this.#context.port.attributes;
    const group = ibMtuBytes(this.groups.broadcast?.record?.mtu ?? 0);
    return effectiveMtu(activeMtu, group, this.adminMtu);
  }

  #applyMtu(): void {
    const mtu = this.#effectiveMtu();
    this.#ownMtu = mtu;
    if (mtu !== this.netdev.config.mtu) this.netdev.setMtu(mtu);
  }

  // The kernel's configuration ------------------------------------------------------------------------------

  #onConfig(change: ConfigChange): void {
    if (this.#closed) return;
    switch (change) {
      case "link":
        this.#evaluate();
        this.#followMtu();
        break;
      case "address":
        this.#engine.forgetNextHops();
        this.#followAddresses();
        break;
      case "route":
        this.#engine.forgetNextHops();
        break;
      case "membership":
        this.#engine.followMemberships(this.#now());
        break;
      case "gone":
        this.log.warn("the network device was deleted");
        break;
    }
  }

  /** The device's MTU changed: if it was not us it was the administrator, whose word counts as far as the group allows. */
  #followMtu(): void {
    const { mtu } = this.netdev.config;
    const changed = mtu !== this.#seenMtu;
    this.#seenMtu = mtu;
    if (!changed || mtu === this.#ownMtu || !this.carrier) return;
    this.adminMtu = mtu;
    this.#applyMtu();
  }

  /** Announces addresses that are new on the link. */
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
