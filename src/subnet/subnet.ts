/**
 * What the manager and the administrator know of the subnet: its constants, ports, groups and partitions.
 */

import type { IbMtuCode } from "../base/units.ts";
import { DEFAULT_SUBNET_PREFIX, GID_LENGTH, gidFrom } from "../wire/gid.ts";
import { MgidScope } from "../wire/mgid.ts";
import { DEFAULT_MTU_CODE } from "./constants.ts";
import { type GroupListener, SA_SIGNATURE, SubnetGroups } from "./groups.ts";
import { createPartitionGroups } from "./partition_groups.ts";
import { defaultPartitions, type Partition, pkeyTable } from "./partitions.ts";
import { type EndPoint, inOpensmOrder, PortTable, SM_LID } from "./ports.ts";

/** Called with one line per refusal and per change that an operator wants to know. */
export type SubnetLog = (
  level: "debug" | "info" | "warning" | "error",
  text: string,
) => void;

export interface SubnetOptions {
  subnetPrefix?: bigint;
  partitions?: readonly Partition[];
  /** GUID of the manager's own port. */
  managerGuid: bigint;
  /** False for a port of which it is known that its process is dead: its GUID is kept for nobody else. */
  lives?: (guid: bigint) => boolean;
  log?: SubnetLog;
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
  #mtuCode: IbMtuCode | undefined;
  #madeUp = 0;

  constructor(options: SubnetOptions, listener: GroupListener) {
    this.prefix = options.subnetPrefix ?? DEFAULT_SUBNET_PREFIX;
    this.managerGuid = options.managerGuid;
    this.managerGid = gidFrom(this.prefix, options.managerGuid);
    this.partitions = options.partitions ?? defaultPartitions();
    this.ports = new PortTable(this.prefix, options.lives);
    this.groups = new SubnetGroups(listener);
    this.log = options.log ?? (() => {});
  }

  /** Code of the subnet's MTU, or of the default one while that is open. */
  get mtuCode(): IbMtuCode {
    return this.#mtuCode ?? DEFAULT_MTU_CODE;
  }

  get mtuIsSettled(): boolean {
    return this.#mtuCode !== undefined;
  }

  /** Settles the MTU for the subnet's life and creates the partitions' groups, which take theirs from it. */
  settleMtu(code: IbMtuCode): void {
    this.#mtuCode = code;
    createPartitionGroups(this);
  }

  /** The P_Key table of the port with this GUID. */
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

  /** Everything that has a LID and is up, in OpenSM's order. */
  get endPoints(): EndPoint[] {
    return [this.managerPort, ...[...this.ports].filter((port) => port.active)]
      .sort(inOpensmOrder);
  }

  /** An MGID that no group has: the administrator's signature, the subnet prefix, a number (OpenSM's layout). */
  newMgid(scope: number = MgidScope.LinkLocal): Uint8Array {
    const mgid = new Uint8Array(GID_LENGTH);
    const view = new DataView(mgid.buffer);
    do {
      view.setUint16(0, 0xff10 | scope);
      view.setUint16(2, SA_SIGNATURE);
      view.setBigUint64(4, this.prefix);
      view.setUint32(10, this.#madeUp++, true);
    } while (this.groups.get(mgid) !== undefined);
    return mgid;
  }
}
