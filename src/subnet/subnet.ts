/**
 * The state of a subnet, shared by the manager and the administrator: prefix, MTU, ports, groups and partitions.
 */

import type { EventDetails, EventName } from "../base/events.ts";
import type { IbMtuCode } from "../base/units.ts";
import { DEFAULT_SUBNET_PREFIX, GID_LENGTH, gidFrom } from "../wire/gid.ts";
import { MgidScope } from "../wire/mgid.ts";
import { DEFAULT_MTU_CODE } from "./constants.ts";
import { type GroupListener, SA_SIGNATURE, SubnetGroups } from "./groups.ts";
import { createPartitionGroups } from "./partition_groups.ts";
import { defaultPartitions, type Partition, pkeyTable } from "./partitions.ts";
import {
  type EndPoint,
  inOpensmOrder,
  PortTable,
  SM_LID,
  type SubnetPort,
} from "./ports.ts";

/** Receives one line for each refusal and each change of interest to an operator. */
export type SubnetLog = (
  level: "debug" | "info" | "warning" | "error",
  text: string,
) => void;

/** Records an event of the subnet: what happened to a port, a group, the partitions or the packet faults. */
export type SubnetRecorder = (
  event: EventName<"fabric">,
  details: () => EventDetails,
) => void;

export interface SubnetOptions {
  subnetPrefix?: bigint;
  partitions?: readonly Partition[];
  /** GUID of the manager's own port. */
  managerGuid: bigint;
  /** Returns false if the process of a port is known to be dead, so that the port's GUID need not be reserved. */
  lives?: (guid: bigint) => boolean;
  log?: SubnetLog;
  record?: SubnetRecorder;
}

export class Subnet {
  readonly prefix: bigint;
  readonly managerGuid: bigint;
  /** GID of the manager's own port. */
  readonly managerGid: Uint8Array;
  partitions: readonly Partition[];
  readonly ports: PortTable;
  readonly groups: SubnetGroups;
  readonly log: SubnetLog;
  readonly record: SubnetRecorder;
  #mtuCode: IbMtuCode | undefined;
  /** Number of the next MGID that {@linkcode newMgid} tries. */
  #nextMgid = 0;

  constructor(options: SubnetOptions, listener: GroupListener) {
    this.prefix = options.subnetPrefix ?? DEFAULT_SUBNET_PREFIX;
    this.managerGuid = options.managerGuid;
    this.managerGid = gidFrom(this.prefix, options.managerGuid);
    this.partitions = options.partitions ?? defaultPartitions();
    this.ports = new PortTable(this.prefix, options.lives);
    this.groups = new SubnetGroups(listener);
    this.log = options.log ?? (() => {});
    this.record = options.record ?? (() => {});
  }

  /** Code of the subnet's MTU, or of the default MTU while the MTU is not set. */
  get mtuCode(): IbMtuCode {
    return this.#mtuCode ?? DEFAULT_MTU_CODE;
  }

  get mtuIsSettled(): boolean {
    return this.#mtuCode !== undefined;
  }

  /** Sets the MTU, which does not change afterwards, and creates the partitions' groups, whose default MTU it is. */
  settleMtu(code: IbMtuCode): void {
    this.#mtuCode = code;
    createPartitionGroups(this);
  }

  /** Returns the P_Key table that the partitions define for the port with this GUID. */
  pkeysFor(guid: bigint): number[] {
    return pkeyTable(this.partitions, guid);
  }

  /** The manager's own port. */
  get managerPort(): EndPoint {
    return {
      guid: this.managerGuid,
      gid: this.managerGid,
      lid: SM_LID,
      pkeys: pkeyTable(this.partitions, this.managerGuid, "manager"),
    };
  }

  /** Returns the manager's port or the active port with this GUID. */
  endPointOf(guid: bigint): EndPoint | undefined {
    return guid === this.managerGuid
      ? this.managerPort
      : activeOnly(this.ports.byGuid(guid));
  }

  /** Returns the manager's port or the active port with this LID. */
  endPointAt(lid: number): EndPoint | undefined {
    return lid === SM_LID
      ? this.managerPort
      : activeOnly(this.ports.byLid(lid));
  }

  /** The manager's port and all active ports, in OpenSM's order. Sorts them: not for requests about single ports. */
  get endPoints(): EndPoint[] {
    return [this.managerPort, ...[...this.ports].filter((port) => port.active)]
      .sort(inOpensmOrder);
  }

  /**
   * Returns an MGID that no group has, in OpenSM's layout on a little-endian machine: the administrator's signature
   * (bytes 2 and 3), the first 6 bytes of the subnet prefix (4 to 9), a little-endian number (10 to 13), zeros.
   */
  newMgid(scope: number = MgidScope.LinkLocal): Uint8Array {
    const mgid = new Uint8Array(GID_LENGTH);
    const view = new DataView(mgid.buffer);
    do {
      view.setUint16(0, 0xff10 | scope);
      view.setUint16(2, SA_SIGNATURE);
      view.setBigUint64(4, this.prefix);
      view.setUint32(10, this.#nextMgid++, true);
    } while (this.groups.get(mgid) !== undefined);
    return mgid;
  }
}

function activeOnly(port: SubnetPort | undefined): SubnetPort | undefined {
  return port?.active ? port : undefined;
}
