/**
 * The embedded subnet manager. It performs no input or output itself.
 *
 * The host accepts connections on the subnet's socket, one for each port, and passes received frames and the time to
 * the manager, which sends frames with `send`. Each call sends changes of the forwarding tables before SA responses, so
 * the tables include a new member when the member receives the response to its join.
 *
 * The parts of the manager handle the hellos of ports (hello_exchange.ts), their MADs (mad_exchange.ts), the packet faults
 * (fault_exchange.ts) and the operations on the subnet (port_operations.ts).
 *
 * A manager that takes over from another receives the last state that its host had ({@linkcode LastKnown}), and the
 * subnet's MTU. Ports that register again report their LIDs and memberships.
 */

import { hex } from "../base/hex.ts";
import { type IbMtuCode, ibMtuCode, type Millis } from "../base/units.ts";
import { formatGid } from "../wire/gid.ts";
import { Notice, TrapNumber } from "../wire/sa/notice.ts";
import { SubnetAdministrator } from "./administrator.ts";
import { FabricJournal, fabricUpdate } from "./fabric_journal.ts";
import { FaultExchange } from "./fault_exchange.ts";
import { FrameDrops } from "./frame_drops.ts";
import type { SubnetGroup } from "./groups.ts";
import { HelloExchange } from "./hello_exchange.ts";
import { sharePartition } from "./join.ts";
import { MadExchange } from "./mad_exchange.ts";
import type {
  ForeignHello,
  LastKnown,
  ManagerMessage,
  Membership,
  PortMessage,
  SubnetSnapshot,
} from "./messages.ts";
import { hasPkey, type Partition } from "./partitions.ts";
import { PortOperations } from "./port_operations.ts";
import { portText, SM_LID, type SubnetPort } from "./ports.ts";
import { decodePortFrame, encodeControl } from "./protocol.ts";
import { SettingsExchange } from "./settings_exchange.ts";
import { type ManagerInfo, shortened, takeSnapshot } from "./snapshot.ts";
import { Subnet, type SubnetOptions } from "./subnet.ts";
import { Takeover } from "./takeover.ts";
import { RmppSender } from "./rmpp_sender.ts";
import { TrapForwarder } from "./traps.ts";

export interface SubnetManagerOptions
  extends Omit<SubnetOptions, "managerGuid"> {
  /** Sends a frame on a connection. The host keeps the order and queues frames while the connection is congested. */
  send: (connection: number, frame: Uint8Array) => void;
  /** The manager, as `ipoib subnet show` prints it. */
  manager: ManagerInfo;
  /** IB MTU in bytes, 2048 or 4096. If absent, the first port determines it. */
  subnetMtu?: number;
  /** State of the subnet under the previous manager. */
  previous?: LastKnown;
  /** Time of construction. Default: 0. */
  now?: Millis;
}

/** The manager of one subnet, with the administrator. */
export class SubnetManager {
  /** The packet faults of the ports. */
  readonly faults: FaultExchange;
  readonly #options: SubnetManagerOptions;
  readonly #subnet: Subnet;
  readonly #traps: TrapForwarder;
  readonly #transfers: RmppSender;
  readonly #operations: PortOperations;
  readonly #journal = new FabricJournal();
  readonly #takeover: Takeover;
  readonly #settings: SettingsExchange;
  readonly #hellos: HelloExchange;
  /** The PIDs of the processes at the other ends, by connection. */
  readonly #connections = new Map<number, number>();
  readonly #mads: MadExchange;
  readonly #drops = new FrameDrops();
  #now: Millis;

  constructor(options: SubnetManagerOptions) {
    const { record } = options;
    this.#options = options;
    this.#now = options.now ?? 0;
    const send = (port: SubnetPort, mad: Uint8Array) =>
      this.#mads.queue(port, mad);
    this.#traps = new TrapForwarder(send);
    this.#transfers = new RmppSender(send);
    this.#subnet = new Subnet({
      ...options,
      managerGuid: options.manager.guid,
    }, {
      groupCreated: (group) => {
        this.#journal.groupChanged(group);
        this.#notifyGroup(TrapNumber.McGroupCreated, group);
        record?.("group", () => ({
          subject: formatGid(group.mgid),
          new: `mlid ${hex(group.mlid)}`,
          cause: "created",
        }));
      },
      groupChanged: (group, old) => this.#journal.groupChanged(group, old),
      groupDeleted: (group) => {
        this.#journal.groupRemoved(group);
        this.#notifyGroup(TrapNumber.McGroupDeleted, group);
        record?.("group", () => ({
          subject: formatGid(group.mgid),
          old: `mlid ${hex(group.mlid)}`,
          cause: "deleted",
        }));
      },
    });
    this.#mads = new MadExchange({
      subnet: this.#subnet,
      administrator: new SubnetAdministrator(
        this.#subnet,
        this.#traps,
        this.#transfers,
      ),
      drops: this.#drops,
      send: options.send,
    });
    this.#operations = new PortOperations({
      subnet: this.#subnet,
      journal: this.#journal,
      forget: (port) => {
        this.#traps.removePort(port);
        this.#transfers.removePort(port);
      },
      notifyPort: (trap, port) => this.#notifyPort(trap, port),
      settingChanged: (port) => this.#settings.changed(port),
      send: (port, message) => this.#send(port.connection, message),
      flushFabric: () => this.#flushFabric(),
      flush: () => this.#flush(),
    });
    this.faults = new FaultExchange({
      subnet: this.#subnet,
      previous: options.previous?.faults,
      send: options.send,
    });
    this.#takeover = new Takeover(this.#subnet, options.previous, this.#now);
    this.#settings = new SettingsExchange({
      subnet: this.#subnet,
      takeover: this.#takeover,
      send: options.send,
    });
    this.#hellos = new HelloExchange({
      subnet: this.#subnet,
      journal: this.#journal,
      takeover: this.#takeover,
      faults: this.faults,
      settings: this.#settings,
      send: (connection, message) => this.#send(connection, message),
      flushFabric: (except) => this.#flushFabric(except),
      notifyPort: (trap, port) => this.#notifyPort(trap, port),
    });
    if (options.subnetMtu !== undefined) {
      this.#subnet.settleMtu(ibMtuCode(options.subnetMtu) as IbMtuCode);
    }
  }

  /** Adds an accepted connection of the process with this PID, 0 if that is not known. */
  connect(connection: number, pid: number): void {
    this.#connections.set(connection, pid);
  }

  /** True if a port has registered on the connection. */
  isRegistered(connection: number): boolean {
    return this.#subnet.ports.byConnection(connection) !== undefined;
  }

  /** Handles a received frame. Drops a malformed frame, counts it and logs it. Ignores frames of unknown connections. */
  receive(connection: number, bytes: Uint8Array, now: Millis): void {
    if (!this.#connections.has(connection)) return;
    this.#now = now;
    const frame = decodePortFrame(bytes);
    if (frame === undefined) {
      this.#drops.add("malformed");
      this.#subnet.log(
        "warning",
        `Malformed frame on connection ${connection}`,
      );
    } else if (frame.kind === "control") {
      this.#control(connection, frame.message);
    } else {
      this.#mads.receive(connection, frame, now);
    }
    this.#flush();
  }

  /** Handles the end of a connection: removes its port from the subnet and from all groups. */
  disconnect(connection: number, now: Millis): void {
    this.#now = now;
    this.#connections.delete(connection);
    this.faults.left(connection);
    const port = this.#subnet.ports.remove(connection);
    if (port === undefined) return;
    this.#subnet.record("member", () => ({
      subject: portText(port),
      old: `lid ${hex(port.lid)}`,
      cause: "the connection to its process has ended",
    }));
    this.#settings.left(port);
    this.#traps.removePort(port);
    this.#transfers.removePort(port);
    if (port.active) {
      this.#journal.portRemoved(port);
      this.#subnet.groups.removePort(port);
      this.#notifyPort(TrapNumber.GidOutOfService, port);
    }
    this.#flush();
  }

  /**
   * Retransmits Reports and segments that are due. Returns the time of the next call, Infinity if none is pending. Call
   * it after every other method too, as those may start transmissions.
   */
  tick(now: Millis): Millis {
    this.#now = now;
    const next = Math.min(this.#traps.tick(now), this.#transfers.tick(now));
    this.#settings.tick(now);
    this.#flush();
    return Math.min(next, this.#takeover.expiresAt);
  }

  snapshot(): SubnetSnapshot {
    return takeSnapshot(
      this.#subnet,
      this.#options.manager,
      this.#drops.snapshot(),
    );
  }

  /**
   * Replaces the partitions. Notifies the ports whose P_Key table changes. Groups of removed partitions are deleted
   * when they have no full member.
   *
   * @returns the number of ports whose P_Key table has changed.
   */
  reload(partitions: readonly Partition[], now: Millis): number {
    this.#now = now;
    return this.#operations.reload(partitions);
  }

  /**
   * Sets a port down or active. A port that is down keeps its LID, but loses its memberships and subscriptions, and no
   * port can reach it. The next managers keep the state.
   *
   * @throws IpoibError `E_SUBNET_PORT` (ENODEV) if no port has the GUID.
   */
  setPortState(guid: bigint, state: "down" | "active", now: Millis): void {
    this.#now = now;
    this.#operations.setPortState(guid, state);
  }

  /**
   * Changes the LID of a port to `lid`, or if undefined to the next free LID.
   *
   * @returns the new LID.
   * @throws IpoibError `E_SUBNET_PORT` (ENODEV) if no port has the GUID, `E_SUBNET_LID` (EADDRINUSE) if the LID is in
   *   use, reserved or outside the range of port LIDs, `E_SUBNET_FULL` (ENOSPC) if no LID is free.
   */
  moveLid(guid: bigint, lid: number | undefined, now: Millis): number {
    this.#now = now;
    return this.#operations.moveLid(guid, lid, now);
  }

  /**
   * Sets the P_Key table of a port independently of the partitions, or if `pkeys` is undefined restores the table that
   * the partitions define. The next managers keep the table.
   *
   * @throws IpoibError `E_SUBNET_PORT` (ENODEV) if no port has the GUID, `E_SUBNET_PKEY` (EINVAL) if the table is
   *   invalid.
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
   * Sends a client reregister event, on which a port joins its groups again, to one port or to all active ports.
   *
   * @throws IpoibError `E_SUBNET_PORT` (ENODEV) if no port has the GUID.
   */
  reregister(which: bigint | "all"): void {
    this.#operations.reregister(which);
  }

  #restore(connection: number, memberships: readonly Membership[]): void {
    const port = this.#subnet.ports.byConnection(connection);
    if (port) this.#takeover.restore(port, memberships, this.#now);
  }

  #control(connection: number, message: PortMessage | ForeignHello): void {
    switch (message.type) {
      case "hello": {
        // The PID in a hello is that in the PID namespace of its sender.
        const pid = this.#connections.get(connection)!;
        const hello = { ...message, pid };
        return this.#hellos.receive(connection, hello, this.#now);
      }
      case "memberships":
        return this.#restore(connection, message.memberships);
      case "faults_taken":
        return this.faults.taken(connection, message.version);
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

  #notifyGroup(trap: number, group: SubnetGroup): void {
    this.#notify(trap, group.mgid, (port) => hasPkey(port.pkeys, group.pkey));
  }

  #notifyPort(trap: number, about: SubnetPort): void {
    this.#notify(trap, about.gid, (port) => sharePartition(port, about));
  }

  #notify(
    trap: number,
    gid: Uint8Array,
    permitted: (port: SubnetPort) => boolean,
  ): void {
    const issuer = this.#subnet.managerGid;
    const notice = Notice.aboutGid(trap, gid, SM_LID, issuer);
    this.#traps.notify(notice, permitted, this.#now);
  }

  #flush(): void {
    this.#flushFabric();
    this.#mads.flush();
  }

  /** Sends the changes of the forwarding tables to every active port but `except`, which receives the whole map. */
  #flushFabric(except?: SubnetPort): void {
    for (const change of this.#journal.take()) {
      let shared: Uint8Array | undefined;
      for (const port of this.#subnet.ports) {
        if (port === except || !port.active) continue;
        // Added ports have link tokens, which differ from receiver to receiver. Other updates are the same for all.
        const frame = shared ?? encodeControl(fabricUpdate(change, port));
        if (!change.portsAdded) shared = frame;
        this.#options.send(port.connection, frame);
      }
    }
  }

  #send(connection: number, message: ManagerMessage): void {
    this.#options.send(connection, encodeControl(message));
  }
}
