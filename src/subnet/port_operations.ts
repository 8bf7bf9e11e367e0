/**
 * Operations on a running subnet: reload of the partitions, port state, LID and P_Key table changes, client reregister.
 *
 * An operation sends to each port, in this order: forwarding table updates, the port's event, Reports.
 */

import { formatGuid, hex } from "../base/hex.ts";
import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { formatPkey, type Millis } from "../base/units.ts";
import { TrapNumber } from "../wire/sa/notice.ts";
import {
  emptiedFabric,
  type FabricChange,
  type FabricJournal,
  fabricUpdate,
  wholeFabric,
} from "./fabric_journal.ts";
import type { ManagerMessage, SubnetEvent } from "./messages.ts";
import { createPartitionGroups } from "./partition_groups.ts";
import { MAX_PKEYS, type Partition, updatedPkeyTable } from "./partitions.ts";
import { isSet, settingOf } from "./port_settings.ts";
import { portText, SM_LID, type SubnetPort } from "./ports.ts";
import type { Subnet } from "./subnet.ts";

/** The functions of the manager that the operations use. */
export interface OperationContext {
  readonly subnet: Subnet;
  readonly journal: FabricJournal;
  /** Deletes the subscriptions and transfers of a port. */
  forget(port: SubnetPort): void;
  /** Reports trap 64 or 65. */
  notifyPort(trap: number, port: SubnetPort): void;
  /** Sends the setting of a port to every port, for the next manager. */
  settingChanged(port: SubnetPort): void;
  send(port: SubnetPort, message: ManagerMessage): void;
  /** Sends the collected changes of the forwarding tables. */
  flushFabric(): void;
  /** Sends the collected changes, then the pending MADs. */
  flush(): void;
}

export class PortOperations {
  readonly #context: OperationContext;

  constructor(context: OperationContext) {
    this.#context = context;
  }

  /** See `SubnetManager.reload`. */
  reload(partitions: readonly Partition[]): number {
    const { subnet, flushFabric, flush } = this.#context;
    subnet.partitions = partitions;
    if (subnet.mtuIsSettled) createPartitionGroups(subnet);
    flushFabric();
    subnet.record("partitions", () => ({
      subject: "partitions",
      new: `${partitions.length}`,
      cause: "reload",
    }));
    let changed = 0;
    for (const port of subnet.ports) {
      if (!port.ownPkeys && this.#follow(port)) changed++;
    }
    flush();
    return changed;
  }

  /** See `SubnetManager.setPortState`. */
  setPortState(guid: bigint, state: "down" | "active"): void {
    const port = this.#port(guid);
    const { subnet, settingChanged, flush } = this.#context;
    if (!subnet.ports.setActive(port, state === "active")) return;
    settingChanged(port);
    subnet.record("port", () => ({
      subject: portText(port),
      old: state === "active" ? "down" : "active",
      new: state,
      cause: "requested",
    }));
    if (state === "active") this.#raise(port);
    else this.#takeDown(port);
    flush();
  }

  /** See `SubnetManager.moveLid`. */
  moveLid(guid: bigint, lid: number | undefined, now: Millis): number {
    const port = this.#port(guid);
    const { subnet, journal, settingChanged, flushFabric, flush } =
      this.#context;
    if (lid === port.lid) return lid;
    if (lid !== undefined && !subnet.ports.lidIsFree(lid, guid)) {
      throw new IpoibError(
        "E_SUBNET_LID",
        `LID ${lid} is in use, reserved, or outside the range of port LIDs`,
        {
          errno: Errno.EADDRINUSE,
          hint: "choose another LID, or omit the LID",
        },
      );
    }
    const { lid: before } = port;
    if (port.active) journal.portRemoved(port);
    if (subnet.ports.move(port, lid, now) === undefined) {
      throw new IpoibError("E_SUBNET_FULL", "The subnet has no free LID", {
        errno: Errno.ENOSPC,
      });
    }
    if (isSet(settingOf(port))) settingChanged(port);
    if (port.active) {
      journal.portAdded(port);
      for (const group of subnet.groups) {
        if (group.members.has(guid)) journal.groupChanged(group);
      }
    }
    flushFabric();
    this.#event(port, "lid_change", { lid: port.lid });
    subnet.record("lid", () => ({
      subject: portText(port),
      old: hex(before),
      new: hex(port.lid),
      cause: "requested",
    }));
    flush();
    return port.lid;
  }

  /** See `SubnetManager.setPkeys`. */
  setPkeys(guid: bigint, pkeys: readonly number[] | undefined): void {
    const port = this.#port(guid);
    const { flush } = this.#context;
    if (pkeys === undefined) {
      this.#follow(port);
      flush();
      return;
    }
    const bad = pkeys.find((pkey) => (pkey & 0x7fff) === 0 || pkey > 0xffff);
    if (
      bad !== undefined || pkeys.length === 0 || pkeys.length > MAX_PKEYS ||
      new Set(pkeys).size !== pkeys.length
    ) {
      throw new IpoibError(
        "E_SUBNET_PKEY",
        bad === undefined
          ? `A P_Key table has 1 to ${MAX_PKEYS} different P_Keys`
          : `${hex(bad)} is not a P_Key`,
        { errno: Errno.EINVAL, hint: "use P_Keys such as 0xffff,0x8001" },
      );
    }
    this.#setTable(port, [...pkeys], true);
    flush();
  }

  /** See `SubnetManager.reregister`. */
  reregister(which: bigint | "all"): void {
    const ports = which === "all"
      ? [...this.#context.subnet.ports].filter((port) => port.active)
      : [this.#port(which)];
    for (const port of ports) this.#event(port, "client_reregister");
    this.#context.subnet.record("reregister", () => ({
      subject: which === "all" ? "all ports" : portText(ports[0]!),
      cause: "requested",
    }));
  }

  #port(guid: bigint): SubnetPort {
    const port = this.#context.subnet.ports.byGuid(guid);
    if (port !== undefined) return port;
    throw new IpoibError(
      "E_SUBNET_PORT",
      `The subnet has no port with GUID ${formatGuid(guid)}`,
      { errno: Errno.ENODEV, hint: "`ipoib subnet show` lists the ports" },
    );
  }

  /** Removes the port's LID from the tables of all ports, and all LIDs from its own table. */
  #takeDown(port: SubnetPort): void {
    const { subnet, journal, forget, notifyPort, flushFabric } = this.#context;
    forget(port);
    subnet.groups.removePort(port);
    journal.portRemoved(port);
    notifyPort(TrapNumber.GidOutOfService, port);
    flushFabric();
    this.#sendFabric(port, emptiedFabric(subnet, port));
    this.#event(port, "port_error");
  }

  #raise(port: SubnetPort): void {
    const { subnet, journal, notifyPort, flushFabric } = this.#context;
    journal.portAdded(port);
    notifyPort(TrapNumber.GidInService, port);
    flushFabric();
    this.#sendFabric(port, wholeFabric(subnet));
    this.#event(port, "port_active", {
      lid: port.lid,
      smLid: SM_LID,
      pkeys: [...port.pkeys],
    });
  }

  /** Updates a port's table to its partitions. Returns false if the table does not change. */
  #follow(port: SubnetPort): boolean {
    const wanted = this.#context.subnet.pkeysFor(port.guid);
    return this.#setTable(port, updatedPkeyTable(port.pkeys, wanted), false);
  }

  #setTable(port: SubnetPort, pkeys: number[], own: boolean): boolean {
    const wasSet = isSet(settingOf(port));
    const same = pkeys.length === port.pkeys.length &&
      pkeys.every((pkey, index) => pkey === port.pkeys[index]);
    const { subnet, journal, settingChanged, flushFabric } = this.#context;
    const before = port.pkeys;
    subnet.ports.setPkeys(port, pkeys, own);
    if (wasSet || isSet(settingOf(port))) settingChanged(port);
    if (same) return false;
    subnet.record("pkeys", () => ({
      subject: portText(port),
      old: before.map(formatPkey).join(","),
      new: pkeys.map(formatPkey).join(","),
      cause: own ? "requested" : "the partitions of the port",
    }));
    if (port.active) journal.portAdded(port);
    // The peers must have the port's new P_Keys before the port uses them.
    flushFabric();
    this.#event(port, "pkey_change", { pkeys });
    return true;
  }

  #sendFabric(to: SubnetPort, changes: readonly FabricChange[]): void {
    for (const change of changes) {
      this.#context.send(to, fabricUpdate(change, to));
    }
  }

  #event(
    port: SubnetPort,
    event: SubnetEvent["event"],
    fields: Partial<SubnetEvent> = {},
  ): void {
    this.#context.send(port, { type: "event", event, ...fields });
  }
}
