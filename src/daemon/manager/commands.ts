/** Commands of the manager worker: the methods of the subnet's control socket, and the reload of the partitions. */

import type { FaultRecord, PortOperation } from "../../ipc/schema.ts";
import { parsePartitionsConf } from "../../subnet/partitions_conf.ts";
import { defaultPartitions } from "../../subnet/partitions.ts";
import { type Commands, Later, type MethodCalls } from "../thread/commands.ts";
import type { ManagerHost } from "./host.ts";

/** A partition configuration: its text, and its path for messages. */
export interface PartitionsText {
  text: string;
  file: string;
}

/** Parameters of a reload. Without `conf` the built-in partitions are used. */
export interface ReloadParams {
  conf?: PartitionsText | undefined;
}

/** Result of a reload. */
export interface ReloadResult {
  /** Number of partitions. */
  partitions: number;
  /** Number of ports whose P_Key table has changed. */
  ports: number;
  warnings: string[];
}

/** The calls that the manager worker serves. */
export type ManagerCalls = MethodCalls<"subnet"> & {
  "reload": { params: ReloadParams; result: ReloadResult };
};

export const managerCommands: Commands<ManagerHost, ManagerCalls> = {
  "subnet.show": ({ manager }) => manager.snapshot(),
  "subnet.fault.show": faultRecord,
  "subnet.fault.set": (host, fault) => {
    host.manager.faults.set(fault);
    return whenApplied(host);
  },
  "subnet.fault.clear": (host, { port }) => {
    host.manager.faults.clear(port);
    return whenApplied(host);
  },
  "subnet.port": (host, operation) => {
    operate(host, operation);
    return {};
  },
  "reload": reload,
};

/** Returns the fault record when every port has applied the faults, or after the time limit of FaultWait. */
function whenApplied(host: ManagerHost): Later<FaultRecord> {
  return new Later((done) =>
    host.whenFaultsApplied(() => done(faultRecord(host)))
  );
}

function faultRecord({ manager }: ManagerHost): FaultRecord {
  const { version, rules } = manager.faults.settings;
  return {
    version,
    rules: rules.map(({ since: _since, ...rule }) => rule),
    waiting: manager.faults.unconfirmed()
      .map(({ lid, name }) => ({ lid, name })),
  };
}

/** Parses a partition configuration, or returns the built-in partitions. Throws `E_PARTITIONS_CONF` (EINVAL). */
export function readPartitions(conf: PartitionsText | undefined) {
  return conf === undefined
    ? { partitions: defaultPartitions(), warnings: [] }
    : parsePartitionsConf(conf.text, conf.file);
}

function operate({ manager, now }: ManagerHost, operation: PortOperation) {
  const port = BigInt(operation.port);
  switch (operation.action) {
    case "down":
      return manager.setPortState(port, "down", now);
    case "up":
      return manager.setPortState(port, "active", now);
    case "lid":
      manager.moveLid(port, operation.lid, now);
      // The manager notifies only this port. A reregister makes all other ports query their paths to it again.
      return manager.reregister("all");
    case "pkeys":
      return manager.setPkeys(port, operation.pkeys, now);
    case "reregister":
      return manager.reregister(port);
  }
}

function reload(
  { manager, now }: ManagerHost,
  { conf }: ReloadParams,
): ReloadResult {
  const { partitions, warnings } = readPartitions(conf);
  const ports = manager.reload(partitions, now);
  return { partitions: partitions.length, ports, warnings };
}
