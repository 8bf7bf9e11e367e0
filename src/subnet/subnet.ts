/**
 * What the manager and the administrator know of the subnet: its constants, ports, groups and partitions.
 */

import type { IbMtuCode } from "../base/units.ts";
import { DEFAULT_SUBNET_PREFIX, gidFrom } from "../wire/gid.ts";
import { type GroupListener, GroupTable } from "./groups.ts";
import { createPartitionGroups } from "./partition_groups.ts";
import { defaultPartitions, type Partition, pkeyTable } from "./partitions.ts";
import { PortTable } from "./ports.ts";

/** Called with one line per refusal and per change that an operator wants to know. */
export type SubnetLog = (
  level: "debug" | "info" | "warning" | "error",
  text: string,
) => void;

/** Every link of the subnet: four lanes of 25 Gb/s (EDR), rate code 16. */
export const LINK = { rateCode: 16, width: 4, laneMbps: 25_000 } as const;
/** Packet life time of paths and groups (OpenSM's subnet timeout): 4.096 us times 2 to the 18th, about 1 s. */
export const PACKET_LIFETIME = 18;
/** MTU of a subnet whose first port does not ask for another: code 4, 2048 bytes. */
export const DEFAULT_MTU_CODE = 4 as IbMtuCode;

export interface SubnetOptions {
  subnetPrefix?: bigint;
  partitions?: readonly Partition[];
  /** GUID of the manager's own port. */
  managerGuid: bigint;
  log?: SubnetLog;
}

export class Subnet {
  readonly prefix: bigint;
  readonly managerGuid: bigint;
  /** GID of the manager's own port. */
  readonly managerGid: Uint8Array;
  readonly partitions: readonly Partition[];
  readonly ports: PortTable;
  readonly groups: GroupTable;
  readonly log: SubnetLog;
  #mtuCode: IbMtuCode | undefined;

  constructor(options: SubnetOptions, listener: GroupListener) {
    this.prefix = options.subnetPrefix ?? DEFAULT_SUBNET_PREFIX;
    this.managerGuid = options.managerGuid;
    this.managerGid = gidFrom(this.prefix, options.managerGuid);
    this.partitions = options.partitions ?? defaultPartitions();
    this.ports = new PortTable(this.prefix);
    this.groups = new GroupTable(listener);
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
}
