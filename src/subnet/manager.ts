/**
 * The embedded subnet manager: pure, given frames and time.
 *
 * Its host accepts connections on the subnet's socket, one for each port, and passes what arrives; frames for
 * ports go out through `send`. Within one call the order of frames is: changes of the forwarding tables, then
 * the answer, so that a port that has joined is already reached.
 *
 * A manager that takes over from a dead one is given what its host last knew ({@linkcode LastKnown}), and
 * the subnet's MTU. Ports that return bring their LIDs and memberships along.
 */

import { formatGuid } from "../base/hex.ts";
import { type IbMtuCode, ibMtuCode, type Millis } from "../base/units.ts";
import { Notice, TrapNumber } from "../wire/sa/notice.ts";
import { SaMad } from "../wire/sa/sa_mad.ts";
import { SubnetAdministrator } from "./administrator.ts";
import { FabricJournal, fabricUpdate } from "./fabric_journal.ts";
import { FaultBook, type FaultRequest } from "./fault_book.ts";
import type { FaultSettings } from "./fault_messages.ts";
import type { SubnetGroup } from "./groups.ts";
import { dropReason, isReached, managerAddress, relay } from "./gsi.ts";
import { sharePartition } from "./join.ts";
import {
  type ForeignHello,
  type Hello,
  type LastKnown,
  type ManagerMessage,
  type Membership,
  type PortMessage,
  RefusalCode,
  type SubnetSnapshot,
} from "./messages.ts";
import { hasPkey, type Partition } from "./partitions.ts";
import { PortOperations } from "./port_operations.ts";
import { SM_LID, type SubnetPort } from "./ports.ts";
import {
  decodePortFrame,
  encodeControl,
  encodeMad,
  type MadFrame,
} from "./protocol.ts";
import { refused, register } from "./registration.ts";
import { type ManagerInfo, shortened, takeSnapshot } from "./snapshot.ts";
import { Subnet, type SubnetOptions } from "./subnet.ts";
import { Takeover } from "./takeover.ts";
import { RmppSender } from "./rmpp_sender.ts";
import { TrapForwarder } from "./traps.ts";
import { welcomeMessages } from "./welcome.ts";

export interface SubnetManagerOptions
  extends Omit<SubnetOptions, "managerGuid"> {
  /** Sends a frame on a connection; the host keeps the order and queues what cannot go at once. */
  send: (connection: number, frame: Uint8Array) => void;
  /** Shown by `ipoib subnet show`; `guid` is the manager's own. */
  manager: ManagerInfo;
  /** IB MTU in bytes, 2048 or 4096; absent: the first port decides. */
  subnetMtu?: number;
  /** What was known of the subnet under the manager before. */
  previous?: LastKnown;
  /** The time of construction. */
  now?: Millis;
}

export class SubnetManager {
  readonly #options: SubnetManagerOptions;
  readonly #subnet: Subnet;
  readonly #traps: TrapForwarder;
  readonly #transfers: RmppSender;
  readonly #administrator: SubnetAdministrator;
  readonly #operations: PortOperations;
  readonly #journal = new FabricJournal();
  readonly #faults: FaultBook;
  readonly #takeover: Takeover;
  readonly #connections = new Set<number>();
  /** MADs of this call, held back until the forwarding tables are out. */
  #mads: { port: SubnetPort; mad: Uint8Array }[] = [];
  #now: Millis;

  constructor(options: SubnetManagerOptions) {
    this.#options = options;
    this.#now = options.now ?? 0;
    this.#faults = new FaultBook(options.previous?.faults);
    const send = (port: SubnetPort, mad: Uint8Array) => {
      this.#mads.push({ port, mad });
    };
    this.#traps = new TrapForwarder(send);
    this.#transfers = new RmppSender(send);
    this.#subnet = new Subnet({
      ...options,
      managerGuid: options.manager.guid,
    }, {
      groupCreated: (group) => {
        this.#journal.groupChanged(group);
        this.#notifyGroup(TrapNumber.McGroupCreated, group);
      },
      groupChanged: (group, old) => this.#journal.groupChanged(group, old),
      groupDeleted: (group) => {
        this.#journal.groupRemoved(group);
        this.#notifyGroup(TrapNumber.McGroupDeleted, group);
      },
    });
    this.#administrator = new SubnetAdministrator(
      this.#subnet,
      this.#traps,
      this.#transfers,
    );
    this.#operations = new PortOperations({
      subnet: this.#subnet,
      journal: this.#journal,
      forget: (port) => {
        this.#traps.removePort(port);
        this.#transfers.removePort(port);
      },
      notifyPort: (trap, port) => this.#notifyPort(trap, port),
      send: (port, message) => this.#send(port.connection, message),
      flushFabric: () => this.#flushFabric(),
      flush: () => this.#flush(),
    });
    this.#takeover = new Takeover(this.#subnet, options.previous, this.#now);
    if (options.subnetMtu !== undefined) {
      this.#subnet.settleMtu(ibMtuCode(options.subnetMtu) as IbMtuCode);
    }
  }

  /** A connection was accepted. */
  connect(connection: number): void {
    this.#connections.add(connection);
  }

  /** True if a port has registered on the connection. */
  isRegistered(connection: number): boolean {
    return this.#subnet.ports.byConnection(connection) !== undefined;
  }

  /** A frame arrived. Malformed ones are dropped with a line in the log. */
  receive(connection: number, bytes: Uint8Array, now: Millis): void {
    if (!this.#connections.has(connection)) return;
    this.#now = now;
    const frame = decodePortFrame(bytes);
    if (frame === undefined) {
      this.#subnet.log(
        "warning",
        `Malformed frame on connection ${connection}`,
      );
    } else if (frame.kind === "control") {
      this.#control(connection, frame.message);
    } else {
      this.#mad(connection, frame);
    }
    this.#flush();
  }

  /** A connection ended: its port leaves the subnet and all groups. */
  disconnect(connection: number, now: Millis): void {
    this.#now = now;
    this.#connections.delete(connection);
    this.#faults.forget(connection);
    const port = this.#subnet.ports.remove(connection);
    if (port === undefined) return;
    this.#traps.removePort(port);
    this.#transfers.removePort(port);
    if (port.active) {
      this.#journal.portRemoved(port);
      this.#subnet.groups.removePort(port);
      this.#notifyPort(TrapNumber.GidOutOfService, port);
    }
    this.#flush();
  }

  /** Does what is due; returns when to call again, Infinity if nothing waits. Call it after `receive` too. */
  tick(now: Millis): Millis {
    this.#now = now;
    const next = Math.min(this.#traps.tick(now), this.#transfers.tick(now));
    this.#flush();
    return next;
  }

  snapshot(): SubnetSnapshot {
    return takeSnapshot(this.#subnet, this.#options.manager);
  }

  /**
   * Puts other partitions in force: ports whose P_Key table changes hear of it, groups of partitions that are
   * no more go when their last member does.
   *
   * @returns how many ports have another table now.
   */
  reload(partitions: readonly Partition[], now: Millis): number {
    this.#now = now;
    return this.#operations.reload(partitions);
  }

  /**
   * Takes a port down or up. A port that is down keeps its LID, but loses its memberships and subscriptions,
   * and nobody reaches it; a new manager does not know that it is down.
   *
   * @throws IpoibError `E_SUBNET_PORT` (ENODEV)
   */
  setPortState(guid: bigint, state: "down" | "active", now: Millis): void {
    this.#now = now;
    this.#operations.setPortState(guid, state);
  }

  /**
   * Gives a port another LID: this one, or the next that is free.
   *
   * @returns the new LID.
   * @throws IpoibError `E_SUBNET_PORT` (ENODEV), `E_SUBNET_LID` (EADDRINUSE), `E_SUBNET_FULL` (ENOSPC)
   */
  moveLid(guid: bigint, lid: number | undefined, now: Millis): number {
    this.#now = now;
    return this.#operations.moveLid(guid, lid, now);
  }

  /**
   * Gives a port this P_Key table, whatever the partitions say, or again that of its partitions.
   *
   * @throws IpoibError `E_SUBNET_PORT` (ENODEV), `E_SUBNET_PKEY` (EINVAL)
   */
  setPkeys(
    guid: bigint,
    pkeys: readonly number[] | undefined,
    now: Millis,
  ): void {
    this.#now = now;
    this.#operations.setPkeys(guid, pkeys);
  }

  /**
   * Tells a port, or all of them, to join its groups and to subscribe again.
   *
   * @throws IpoibError `E_SUBNET_PORT` (ENODEV)
   */
  reregister(which: bigint | "all"): void {
    this.#operations.reregister(which);
  }

  /** The packet faults that the ports follow. */
  get faults(): FaultSettings {
    return this.#faults.settings;
  }

  /** Sets the packet faults of a port, or of all that have none of their own, and tells every port. */
  setFault(request: FaultRequest): void {
    this.#faults.set(request);
    this.#sendFaults();
  }

  /** Ends the packet faults of a port, or all of them. */
  clearFaults(port?: string): void {
    this.#faults.clear(port);
    this.#sendFaults();
  }

  /** Ports that have not said yet that they follow the present faults. */
  portsWithoutFaults(): SubnetPort[] {
    return [...this.#subnet.ports].filter(({ connection }) =>
      !this.#faults.isTaken(connection)
    );
  }

  #sendFaults(only?: number): void {
    const { settings } = this.#faults;
    if (settings.version === 0) return;
    const frame = encodeControl({ type: "faults", settings });
    for (const { connection } of this.#subnet.ports) {
      if (only !== undefined && only !== connection) continue;
      this.#options.send(connection, frame);
    }
  }

  #restore(connection: number, memberships: readonly Membership[]): void {
    const port = this.#subnet.ports.byConnection(connection);
    if (port) this.#takeover.restore(port, memberships, this.#now);
  }

  #control(connection: number, message: PortMessage | ForeignHello): void {
    switch (message.type) {
      case "hello":
        return this.#hello(connection, message);
      case "memberships":
        return this.#restore(connection, message.memberships);
      case "faults_taken":
        return this.#faults.taken(connection, message.version);
      case "ping":
        return this.#send(connection, { type: "pong" });
      case "show":
        return this.#show(connection, message.id);
    }
  }

  #show(connection: number, id: number): void {
    const subnet = this.snapshot();
    try {
      this.#send(connection, { type: "show", id, subnet });
    } catch {
      this.#send(connection, { type: "show", id, subnet: shortened(subnet) });
    }
  }

  #hello(connection: number, hello: Hello | ForeignHello): void {
    const port = this.#subnet.ports.byConnection(connection) === undefined
      ? register(this.#subnet, connection, hello, this.#now)
      : refused(
        RefusalCode.Protocol,
        "The port has registered already",
        "connect again to register anew",
      );
    if ("type" in port) {
      this.#subnet.log("warning", `Port refused: ${port.message}`);
      this.#send(connection, port);
      return;
    }
    const { lid: oldLid } = hello as Hello;
    this.#journal.portAdded(port);
    this.#flushFabric(port);
    for (const message of welcomeMessages(this.#subnet, port)) {
      this.#send(connection, message);
    }
    this.#sendFaults(connection);
    this.#subnet.log(
      "info",
      `Port ${
        formatGuid(port.guid)
      } (${port.name}, pid ${port.pid}) has LID ${port.lid}`,
    );
    if (oldLid === undefined) {
      this.#notifyPort(TrapNumber.GidInService, port);
      return;
    }
    if (oldLid !== port.lid) {
      this.#send(connection, {
        type: "event",
        event: "lid_change",
        lid: port.lid,
      });
    }
    this.#send(connection, { type: "event", event: "client_reregister" });
  }

  #mad(connection: number, frame: MadFrame): void {
    const source = this.#subnet.ports.byConnection(connection);
    const reason = dropReason(source, frame.address);
    if (source === undefined || reason !== undefined) {
      const who = source?.name ?? `connection ${connection}`;
      this.#subnet.log("warning", `MAD of ${who} dropped: ${reason}`);
      return;
    }
    if (frame.address.lid !== SM_LID) {
      const relayed = relay(this.#subnet, source, frame);
      if (relayed !== undefined) {
        this.#options.send(relayed.port.connection, relayed.frame);
      }
      return;
    }
    const request = SaMad.parse(frame.mad);
    if (request === undefined) return;
    const answer = this.#administrator.handle(source, request, this.#now);
    if (answer !== undefined) this.#mads.push({ port: source, mad: answer });
  }

  #notifyGroup(trap: number, group: SubnetGroup): void {
    this.#notify(trap, group.mgid, (port) => hasPkey(port.pkeys, group.pkey));
  }

  #notifyPort(trap: number, about: SubnetPort): void {
    this.#notify(trap, about.gid, (port) => sharePartition(port, about));
  }

  #notify(
    trap: number,
    gid: Uint8Array,
    mayKnow: (port: SubnetPort) => boolean,
  ): void {
    const issuer = this.#subnet.managerGid;
    const notice = Notice.aboutGid(trap, gid, SM_LID, issuer);
    this.#traps.notify(notice, mayKnow, this.#now);
  }

  #flush(): void {
    this.#flushFabric();
    const mads = this.#mads;
    this.#mads = [];
    for (const { port, mad } of mads) {
      if (!isReached(port)) continue;
      const frame = encodeMad(mad, managerAddress(port));
      this.#options.send(port.connection, frame);
    }
  }

  /** Tells every port that is up, but `except` (which gets the whole map), what has changed. */
  #flushFabric(except?: SubnetPort): void {
    for (const change of this.#journal.take()) {
      let same: Uint8Array | undefined;
      for (const port of this.#subnet.ports) {
        if (port === except || !port.active) continue;
        // Tokens of links are each port's own; all else is the same for all.
        const frame = same ?? encodeControl(fabricUpdate(change, port));
        if (!change.portsAdded) same = frame;
        this.#options.send(port.connection, frame);
      }
    }
  }

  #send(connection: number, message: ManagerMessage): void {
    this.#options.send(connection, encodeControl(message));
  }
}
